import { Column, Entity, PrimaryColumn } from 'typeorm';
import { readSettings, type TenantSettings } from './tenant.schema.js';

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
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;

  /** With every default filled in. */
  get settings(): TenantSettings {
    return readSettings(this.storedSettings);
  }

  /** `default` answers at the base URL, the others at a host of their own or below /t/{slug}. */
  issuer(baseIssuer: string): string {
    if (this.host) return `${new URL(baseIssuer).protocol}//${this.host}`;
    return this.slug === 'default' ? baseIssuer : `${baseIssuer}/t/${this.slug}`;
  }
}
