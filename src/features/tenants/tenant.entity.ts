import { Column, Entity, PrimaryColumn } from 'typeorm';
import { readSettings, type TenantSettings } from './tenant.schema.js';

/** Where tenants are to be found: the issuer of `default`, and the domain below which others are hosts, where there is one. */
export interface Places {
  issuer: string;
  domain?: string | undefined;
  /** Where certificates are shown, of all tenants: nobody's own host. */
  aliasOrigin?: string | undefined;
}

/** Why a tenant is closed for a while, and until when as far as anybody knows. */
export interface Closure {
  since: string;
  message?: string;
  until?: string;
}

/** An issuer with users, clients, keys and settings of its own. It owns rows; no tenant owns it. */
@Entity('tenants')
export class Tenant {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') slug!: string;
  @Column('text') name!: string;
  @Column('text', { nullable: true }) host: string | null = null;
  @Column('jsonb', { name: 'settings', default: {} }) storedSettings: Record<string, unknown> = {};
  @Column('text') secretsSealed!: string;
  @Column('timestamptz', { nullable: true }) suspendedAt: Date | null = null;
  @Column('timestamptz', { nullable: true }) deletingAt: Date | null = null;
  /** Table → rows that have gone, while it is being deleted. */
  @Column('jsonb', { default: {} }) deletedRows: Record<string, number> = {};
  @Column('jsonb', { nullable: true }) maintenance: Closure | null = null;
  /** Of all tenants, on the row of `default` alone. */
  @Column('jsonb', { nullable: true }) installationMaintenance: Closure | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;

  /** With every default filled in. */
  get settings(): TenantSettings {
    return readSettings(this.storedSettings);
  }

  /** What people and programs for people call it. */
  get displayName(): string {
    return this.settings.branding.company_name ?? this.name;
  }

  /** The tenant of whoever operates the installation. */
  get isDefault(): boolean {
    return this.slug === 'default';
  }

  get state(): 'active' | 'suspended' | 'deleting' {
    if (this.deletingAt) return 'deleting';
    return this.suspendedAt ? 'suspended' : 'active';
  }

  /** Exactly one: a host of its own, else below the domain of tenants, else a path. `default` answers at the base URL. */
  issuer(baseIssuer: string, domain?: string): string {
    if (this.isDefault) return baseIssuer;
    if (!this.host && !domain) return `${baseIssuer}/t/${this.slug}`;
    const { protocol, port } = new URL(baseIssuer);
    return `${protocol}//${this.host ?? `${this.slug}.${domain}${port && `:${port}`}`}`;
  }
}
