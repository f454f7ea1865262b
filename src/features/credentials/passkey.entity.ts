import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** A credential record (WebAuthn §4). */
@Entity('passkeys')
export class Passkey extends TenantEntity {
  /** base64url. */
  @PrimaryColumn('text') credentialId!: string;
  @Column('uuid') userId!: string;
  /** COSE_Key (RFC 9052 §7). */
  @Column('bytea') publicKey!: Buffer;
  @Column('bigint') signCount!: string;
  @Column('text', { array: true }) transports!: string[];
  @Column('uuid') aaguid!: string;
  /** WebAuthn §6.1.3: it may leave the device. Settled when it is made. */
  @Column('boolean') backupEligible!: boolean;
  @Column('boolean') backedUp!: boolean;
  /** Its holder was seen to unlock it, when it was made or after another proof. Before that, unlocking proves nothing. */
  @Column('boolean') uvInitialized!: boolean;
  @Column('text') name!: string;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) lastUsedAt: Date | null = null;
  /** WebAuthn §6.1.1: its signature counter went back once, so there may be two of it. */
  @Column('timestamptz', { nullable: true }) flaggedAt: Date | null = null;

  get deviceBound(): boolean {
    return !this.backupEligible;
  }
}
