import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** The logo that a tenant, or one of its organizations, has uploaded: one each. */
@Entity('brand_logos')
export class BrandLogo extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** Whose it is; the tenant's where it is null. */
  @Column('uuid', { nullable: true }) organizationId: string | null = null;
  /** Its SHA-256 and its type: another picture is another file. */
  @Column('text') file!: string;
  @Column('bytea') image!: Buffer;
  @Column('timestamptz') createdAt!: Date;
}
