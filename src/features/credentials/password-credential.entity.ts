import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('password_credentials')
export class PasswordCredential extends TenantEntity {
  @PrimaryColumn('uuid') userId!: string;
  /** A PHC string: algorithm, parameters, salt and hash. */
  @Column('text') hash!: string;
  /** Set by somebody else: the person chooses their own at the next sign-in. */
  @Column('boolean', { default: false }) mustChange = false;
  @Column('timestamptz') changedAt!: Date;
}
