import type { JWK } from 'jose';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';

export type SigningAlg = 'ES256' | 'RS256' | 'EdDSA';

/** next: published, does not sign yet · current: signs · previous: published, no longer signs · retired: no longer published. */
export type KeyStatus = 'next' | 'current' | 'previous' | 'retired';

@Entity('signing_keys')
export class SigningKey extends TenantEntity {
  /** The JWK thumbprint (RFC 7638). */
  @PrimaryColumn('text') kid!: string;
  @Column('text') alg!: SigningAlg;
  @Column('text') status!: KeyStatus;
  @Column('jsonb') publicJwk!: JWK;
  @Column('text') privateJwkSealed!: string;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') statusSince!: Date;
}
