import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { Acting, ActorKind, Policy } from './decision.js';

/** What one client may exchange, and for what (RFC 8693). */
@Entity('exchange_policies')
export class ExchangePolicy extends TenantEntity implements Policy {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') clientId!: string;
  @Column('jsonb') subjectClients!: string[];
  @Column('jsonb') subjectAudiences!: string[];
  @Column('jsonb') subjectIssuers!: string[];
  @Column('boolean', { default: false }) subjectApiKeys = false;
  @Column('jsonb') resources!: string[];
  @Column('jsonb', { nullable: true }) scopes: string[] | null = null;
  @Column('text') acting!: Acting;
  @Column('jsonb') actors!: ActorKind[];
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
