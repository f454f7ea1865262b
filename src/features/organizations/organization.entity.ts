import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { Dressed } from '../tenants/branding.js';
import { type FullSettings, readOrganizationSettings, type StoredSettings } from './organization-settings.js';

/** A group of people inside a tenant: whoever belongs to it can have tokens that say so. */
@Entity('organizations')
export class Organization extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') slug!: string;
  @Column('text') name!: string;
  @Column('jsonb', { name: 'settings', default: {} }) storedSettings: StoredSettings = {};
  /** The name of the file that was uploaded. */
  @Column('text', { nullable: true }) logo: string | null = null;
  /** Whose workspace it is: it goes with them. */
  @Column('uuid', { nullable: true }) personalOf: string | null = null;
  @Column('timestamptz', { nullable: true }) suspendedAt: Date | null = null;
  @Column('text', { nullable: true }) suspensionReason: string | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;

  /** With every default filled in. */
  get settings(): FullSettings {
    return readOrganizationSettings(this.storedSettings);
  }

  /** What pages wear for it, before what the tenant's do. */
  get dressed(): Dressed {
    return { name: this.name, branding: this.settings.branding, logo: this.logo };
  }

  /** To its members a suspended one is not there. */
  get active(): boolean {
    return !this.suspendedAt;
  }
}
