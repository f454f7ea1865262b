import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../../platform/tenant-entity.js';
import type { RegistrationPolicy } from './registration-policy.js';

@Entity('initial_access_tokens')
export class InitialAccessToken extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** SHA-256: the token has 256 bits of its own, so there is nothing to guess. */
  @Column('text') hash!: string;
  @Column('text', { nullable: true }) description: string | null = null;
  @Column('jsonb') policy!: RegistrationPolicy;
  /** How many clients it still registers. */
  @Column('integer') usesLeft!: number;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') expiresAt!: Date;
  @Column('timestamptz', { nullable: true }) lastUsedAt: Date | null = null;
}
