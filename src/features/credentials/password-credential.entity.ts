import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('password_credentials')
export class PasswordCredential extends TenantEntity {
  @PrimaryColumn('uuid') userId!: string;
  /** A PHC string: algorithm, parameters, salt and hash. One made elsewhere stays as it came until the next right sign-in. */
  @Column('text') hash!: string;
  /** A keyed digest of the hash this password came with: two of one origin are one password. */
  @Column('text', { nullable: true }) importedFrom: string | null = null;
  /** Set by somebody else: the person chooses their own at the next sign-in. */
  @Column('boolean', { default: false }) mustChange = false;
  @Column('timestamptz') changedAt!: Date;
}
