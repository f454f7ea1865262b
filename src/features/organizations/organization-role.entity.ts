import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** A role beside owner, admin and member. */
@Entity('organization_roles')
export class OrganizationRole extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** null: of every organization of the tenant. */
  @Column('uuid', { nullable: true }) organizationId: string | null = null;
  /** What tokens say. */
  @Column('text') key!: string;
  @Column('text') name!: string;
  @Column('text', { nullable: true }) description: string | null = null;
  @Column('smallint') rank!: number;
  @Column('text', { array: true, default: () => "'{}'" }) permissions: string[] = [];
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
