import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { Role } from './hierarchy.js';

/** Somebody in an organization. Custom roles and teams are rows beside it. */
@Entity('memberships')
export class Membership extends TenantEntity {
  @PrimaryColumn('uuid') organizationId!: string;
  @PrimaryColumn('uuid') userId!: string;
  @Column('text') role!: Role;
  /** Given to them directly, beside those of their roles. */
  @Column('text', { array: true, default: () => "'{}'" }) permissions: string[] = [];
  @Column('timestamptz', { nullable: true }) suspendedAt: Date | null = null;
  @Column('text', { nullable: true }) suspensionReason: string | null = null;
  /** To the day: when they were last given a token for the organization. */
  @Column('timestamptz', { nullable: true }) lastUsedAt: Date | null = null;
  /** When they were told that they will be suspended unless they come back. */
  @Column('timestamptz', { nullable: true }) inactiveNotedAt: Date | null = null;
  @Column('timestamptz') joinedAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
  @Column('integer', { default: 1 }) version = 1;
}
