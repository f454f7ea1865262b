import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('one_time_tokens')
export class OneTimeToken extends TenantEntity {
  @PrimaryColumn('text') purpose!: string;
  @PrimaryColumn('text') tokenHash!: string;
  @Column('text') subject!: string;
  /** The interaction or session it is bound to; empty where it is bound to none. */
  @Column('text', { default: '' }) flow = '';
  /** How often a code was tried. */
  @Column('integer', { default: 0 }) attempts = 0;
  @Column('jsonb', { default: {} }) data: Record<string, unknown> = {};
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') expiresAt!: Date;
  @Column('timestamptz', { nullable: true }) consumedAt: Date | null = null;
}
