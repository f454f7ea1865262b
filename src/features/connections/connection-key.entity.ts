import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

/** `next` is published and not used yet; `current` signs and decrypts; `previous` decrypts what is still on its way. */
export const KEY_STATUSES = ['next', 'current', 'previous'] as const;
export type ConnectionKeyStatus = (typeof KEY_STATUSES)[number];

/** A key pair of ours, for one SAML connection: it signs what we send, and opens what is encrypted for us. */
@Entity('connection_keys')
export class ConnectionKey extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') connectionId!: string;
  @Column('text') status!: ConnectionKeyStatus;
  /** PEM. */
  @Column('text') certificate!: string;
  @Column('text') privateKeySealed!: string;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') statusSince!: Date;
}
