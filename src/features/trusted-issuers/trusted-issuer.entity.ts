import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { IssuerAlgorithm } from './trusted-issuer.schema.js';

/** Somebody else whose word about people is taken, as far as it says here. */
@Entity('trusted_issuers')
export class TrustedIssuer extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  /** `iss`, compared exactly. */
  @Column('text') issuer!: string;
  @Column('text') name!: string;
  @Column('jsonb', { nullable: true }) jwks: { keys: Record<string, unknown>[] } | null = null;
  @Column('text', { nullable: true }) jwksUri: string | null = null;
  @Column('jsonb') algorithms!: IssuerAlgorithm[];
  /** Which clients may show its assertions. */
  @Column('jsonb') clients!: string[];
  @Column('jsonb') resources!: string[];
  @Column('jsonb') scopes!: string[];
  @Column('timestamptz', { nullable: true }) disabledAt: Date | null = null;
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
