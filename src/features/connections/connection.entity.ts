import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import {
  type ConnectionKind,
  type ConnectionSettings,
  type GivenSettings,
  readSettings,
} from './connection.settings.js';
import type { PresetName } from './presets/presets.js';

/** What requests name a connection by. */
export const CONNECTION_KEY = /^[a-z0-9-]{2,63}$/;

/** An identity provider that the tenant, or one of its organizations, trusts. */
@Entity('connections')
export class Connection extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** Whose it is; the tenant's own where it is null. */
  @Column('uuid', { nullable: true }) organizationId: string | null = null;
  /** What requests name it by. */
  @Column('text') key!: string;
  @Column('text') kind!: ConnectionKind;
  @Column('text', { nullable: true }) preset: PresetName | null = null;
  @Column('text') displayName!: string;
  @Column('jsonb', { name: 'settings', default: {} }) storedSettings: GivenSettings = {};
  /** What we show ourselves there with: a client secret, or the key it is made from. */
  @Column('text', { nullable: true }) secretSealed: string | null = null;
  /** What was last read of it: its metadata (connection-upstream.ts). */
  @Column('jsonb', { nullable: true }) upstream: Record<string, unknown> | null = null;
  /** When it was last tried to read it. */
  @Column('timestamptz', { nullable: true }) upstreamAt: Date | null = null;
  /** Why that failed: a code. */
  @Column('text', { nullable: true }) upstreamError: string | null = null;
  @Column('timestamptz', { nullable: true }) enabledAt: Date | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;

  /** With what the preset and the kind say where nothing else is said. */
  get settings(): ConnectionSettings {
    return readSettings(this);
  }

  get enabled(): boolean {
    return this.enabledAt !== null;
  }
}
