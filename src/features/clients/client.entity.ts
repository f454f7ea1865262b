import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { FullMetadata } from './client.metadata.js';
import { type AgreedRegistration, words } from './registration/registration-policy.js';

export type ConsentPolicy = 'explicit' | 'implicit';

@Entity('clients')
export class Client extends TenantEntity {
  @PrimaryColumn('text') clientId!: string;
  /** client_name, or the client_id: for lists and search. */
  @Column('text') name!: string;
  /** The RFC 7591 JSON itself, without client_secret. */
  @Column('jsonb') metadata!: FullMetadata;
  /** implicit: a first-party client, nobody is asked. */
  @Column('text', { default: 'explicit' }) consentPolicy: ConsentPolicy = 'explicit';
  /** Registered by itself (RFC 7591): its consent is never skipped. */
  @Column('boolean', { default: false }) dynamic = false;
  /** What it may say of itself: what it was registered under. */
  @Column('jsonb', { nullable: true }) registrationPolicy: AgreedRegistration | null = null;
  /** Until when what was read at the address holds that is its client_id; null where it was registered here. */
  @Column('timestamptz', { nullable: true }) documentExpiresAt: Date | null = null;
  /** When it was given its first token, where it registered itself. */
  @Column('timestamptz', { nullable: true }) usedAt: Date | null = null;
  /** What it counts as at resources; at the management API it has its scopes. */
  @Column('text', { array: true, default: () => "'{}'" }) roles: string[] = [];
  @Column('timestamptz', { nullable: true }) disabledAt: Date | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;

  /** What an administrator says that a client which registered itself may ask for is the most it gets from now on, whatever it says later. */
  policyWith(scope: unknown): AgreedRegistration | null {
    if (!this.dynamic || this.documentExpiresAt || typeof scope !== 'string') return this.registrationPolicy;
    return { ...this.registrationPolicy, scopes: words(scope) };
  }
}
