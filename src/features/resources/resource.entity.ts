import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { ResourceScope } from './resource.schema.js';

/** A resource server as the token endpoint sees it: a row, or one that is built in. */
export interface ResourceServer {
  /** The resource indicator and the audience of its tokens (RFC 8707 §2). */
  readonly identifier: string;
  readonly name: string;
  readonly scopes: readonly ResourceScope[];
  readonly accessTokenFormat: 'opaque' | 'jwt';
  /** Seconds. */
  readonly accessTokenTtl: number;
  readonly signingAlg: 'ES256' | 'RS256';
  /** Clients that are this resource server, when they ask about tokens (RFC 7662 §2.1); those built in ask nobody. */
  readonly introspectionClients?: readonly string[];
}

@Entity('resources')
export class Resource extends TenantEntity implements ResourceServer {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') identifier!: string;
  @Column('text') name!: string;
  @Column('jsonb', { default: [] }) scopes: ResourceScope[] = [];
  @Column('text', { default: 'opaque' }) accessTokenFormat: 'opaque' | 'jwt' = 'opaque';
  @Column('integer') accessTokenTtl!: number;
  @Column('text', { default: 'ES256' }) signingAlg: 'ES256' | 'RS256' = 'ES256';
  @Column('jsonb', { default: [] }) introspectionClients: string[] = [];
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
