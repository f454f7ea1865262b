import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { AccountSettings } from './account-settings.js';
import type { StandardClaims } from './user.schema.js';

/** Who has this role administers the tenant. */
export const ADMIN = 'ADMIN';

@Entity('users')
export class User extends TenantEntity {
  /** The sub of this person (OIDC Core §2), never given to anybody else. */
  @PrimaryColumn('uuid') id!: string;
  @Column('text') email!: string;
  /** normalizeIdentifier(email), unique in the tenant. */
  @Column('text') emailNormalized!: string;
  @Column('boolean', { default: false }) emailVerified = false;
  @Column('jsonb', { default: {} }) claims: StandardClaims = {};
  @Column('text', { array: true, default: () => "'{}'" }) roles: string[] = [];
  @Column('timestamptz', { nullable: true }) disabledAt: Date | null = null;
  /** The person asked for the end of their account: closed since, and gone then. */
  @Column('timestamptz', { nullable: true }) deletionAt: Date | null = null;
  @Column('jsonb', { default: {} }) settings: Partial<AccountSettings> = {};
  @Column('timestamptz', { nullable: true }) lastLoginAt: Date | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;

  /** Whether they may come in. Neither answer nor time tells which of the reasons keeps them out. */
  get active(): boolean {
    return !this.disabledAt && !this.deletionAt;
  }
}
