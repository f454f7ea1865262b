import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { keyAlgorithms } from '../../../config/protocol.js';
import { TenantEntity } from '../../platform/tenant-entity.js';
import type { DetailsType } from './details-type.schema.js';
import type { ResourceMetadata } from './protected-resource.js';
import type { ResourceScope } from './resource.schema.js';

type SigningAlg = (typeof keyAlgorithms.signing)[number];

/** A resource server as the token endpoint sees it: a row, or one that is built in. */
export interface ResourceServer {
  /** The resource indicator and the audience of its tokens (RFC 8707 §2). */
  readonly identifier: string;
  readonly name: string;
  readonly scopes: readonly ResourceScope[];
  readonly accessTokenFormat: 'opaque' | 'jwt';
  /** Seconds. */
  readonly accessTokenTtl: number;
  readonly signingAlg: SigningAlg;
  /** RFC 9396: what else than scopes can be asked for; those built in take none. */
  readonly authorizationDetailsTypes?: readonly DetailsType[];
  /** What it says of itself beside that (RFC 9728 §2). */
  readonly metadata?: ResourceMetadata;
  /** Clients that nobody has registered may ask for its scopes, too, without having been given them. */
  readonly dynamicClients?: boolean;
  /** Its access tokens say which roles and permissions count there. */
  readonly roleClaims?: boolean;
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
  @Column('text', { default: 'ES256' }) signingAlg: SigningAlg = 'ES256';
  @Column('jsonb', { default: [] }) authorizationDetailsTypes: DetailsType[] = [];
  @Column('jsonb', { default: {} }) metadata: ResourceMetadata = {};
  @Column('boolean', { default: false }) dynamicClients = false;
  @Column('boolean', { default: false }) roleClaims = false;
  @Column('jsonb', { default: [] }) introspectionClients: string[] = [];
  @Column('integer', { default: 1 }) version = 1;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}
