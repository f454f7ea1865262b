import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** A person of ours, as a trusted issuer calls them. */
@Entity('external_subjects')
export class ExternalSubject extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') issuerId!: string;
  /** `sub`, compared exactly. */
  @Column('text') subject!: string;
  @Column('uuid') userId!: string;
  @Column('timestamptz') createdAt!: Date;
}
