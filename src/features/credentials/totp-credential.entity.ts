import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('totp_credentials')
export class TotpCredential extends TenantEntity {
  @PrimaryColumn('uuid') userId!: string;
  @Column('text') secretSealed!: string;
  /** RFC 6238 §5.2: the time step of the last code that was accepted. */
  @Column('bigint') lastStep!: string;
  @Column('timestamptz') createdAt!: Date;
}
