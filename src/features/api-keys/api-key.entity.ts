import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { Environment } from './api-key.format.js';

/** What the key may at one resource that is not this server's own API. */
export interface ResourceAccess {
  identifier: string;
  scopes: string[];
}

@Entity('api_keys')
export class ApiKey extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** For whom it acts; null: for the tenant, as itself. */
  @Column('uuid', { nullable: true }) userId: string | null = null;
  @Column('text') name!: string;
  @Column('text') environment!: Environment;
  /** Its first characters, by which people tell one from another. */
  @Column('text') prefix!: string;
  /** SHA-256: the key has more than 256 bits of its own, so there is nothing to guess. */
  @Column('text') hash!: string;
  /** What it was before it was rotated, and how long that is good as well. */
  @Column('text', { nullable: true }) formerHash: string | null = null;
  @Column('timestamptz', { nullable: true }) formerUntil: Date | null = null;
  /** Of the management API. */
  @Column('text', { array: true }) scopes!: string[];
  /** Keys of roles: what they open now is added to its scopes. */
  @Column('text', { array: true, default: () => "'{}'" }) roles: string[] = [];
  @Column('jsonb', { default: [] }) resources: ResourceAccess[] = [];
  /** From where it may be used; from everywhere where there are none. */
  @Column('text', { array: true, default: () => "'{}'" }) allowedNetworks: string[] = [];
  @Column('integer', { nullable: true }) requestsPerMinute: number | null = null;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
  @Column('timestamptz', { nullable: true }) rotatedAt: Date | null = null;
  @Column('timestamptz', { nullable: true }) lastUsedAt: Date | null = null;
  @Column('timestamptz', { nullable: true }) expiresAt: Date | null = null;
  @Column('timestamptz', { nullable: true }) revokedAt: Date | null = null;
  @Column('integer', { default: 1 }) version = 1;

  /** Until when the one before is good as well; null where it is not any more. */
  formerGoodUntil(now: Date): Date | null {
    return this.formerHash && this.formerUntil && this.formerUntil > now ? this.formerUntil : null;
  }
}
