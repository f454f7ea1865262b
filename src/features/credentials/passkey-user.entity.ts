import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** What authenticators know a person by (WebAuthn §5.4.3). */
@Entity('passkey_users')
export class PasskeyUser extends TenantEntity {
  @PrimaryColumn('uuid') userId!: string;
  /** 32 random bytes, base64url. */
  @Column('text') userHandle!: string;
  /** When they were last asked to add one. */
  @Column('timestamptz', { nullable: true }) promptedAt: Date | null = null;
}
