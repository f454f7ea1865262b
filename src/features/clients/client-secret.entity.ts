import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

@Entity('client_secrets')
export class ClientSecret extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') clientId!: string;
  /** SHA-256: the secret has 256 bits of its own, so there is nothing to guess. */
  @Column('text') hash!: string;
  /** The last four characters, to tell one from the other. */
  @Column('text') hint!: string;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) expiresAt: Date | null = null;

  isLive(now: Date): boolean {
    return !this.expiresAt || this.expiresAt > now;
  }
}
