import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('one_time_tokens')
export class OneTimeToken extends TenantEntity {
  @PrimaryColumn('text') purpose!: string;
  @PrimaryColumn('text') tokenHash!: string;
  @Column('text') subject!: string;
  @Column('jsonb', { default: {} }) data: Record<string, unknown> = {};
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') expiresAt!: Date;
  @Column('timestamptz', { nullable: true }) consumedAt: Date | null = null;
}
