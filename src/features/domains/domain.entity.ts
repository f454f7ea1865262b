import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** A domain that an organization says is theirs. */
@Entity('organization_domains')
export class OrganizationDomain extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') organizationId!: string;
  /** normalizeDomain(), in A-labels. */
  @Column('text') domain!: string;
  /** What DNS has to say: of this claim alone, so that another organization's says nothing for it. */
  @Column('text') challenge!: string;
  /** As what somebody with an address there joins; nobody does by themselves where it is null. */
  @Column('text', { nullable: true }) autoJoin: 'member' | null = null;
  @Column('uuid', { array: true, default: () => "'{}'" }) teamIds: string[] = [];
  @Column('timestamptz', { nullable: true }) verifiedAt: Date | null = null;
  @Column('timestamptz', { nullable: true }) checkedAt: Date | null = null;
  /** In a row, a day apart, since it was verified. */
  @Column('smallint', { default: 0 }) failedChecks = 0;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
