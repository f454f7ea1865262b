import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { ResourcePermissions } from './role.schema.js';

/** A role beside those that every tenant has. */
@Entity('roles')
export class Role extends TenantEntity {
  /** What people, clients and tokens call it; it stays. */
  @PrimaryColumn('text') key!: string;
  @Column('text') name!: string;
  @Column('text', { nullable: true }) description: string | null = null;
  /** Scopes of the management API. */
  @Column('text', { array: true, default: () => "'{}'" }) permissions: string[] = [];
  @Column('jsonb', { default: [] }) resourcePermissions: ResourcePermissions = [];
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
