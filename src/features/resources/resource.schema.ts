import { z } from 'zod';
import { keyAlgorithms, lifetimes } from '../../../config/protocol.js';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { DetailsTypes } from './details-type.schema.js';
import { ResourceMetadata } from './protected-resource.js';
import type { Resource } from './resource.entity.js';

/** Seconds: 15 minutes. */
export const DEFAULT_ACCESS_TOKEN_TTL = 900;

export const MAX_IDENTIFIER = 1024;

/** RFC 8707 §2: an absolute URI without a fragment; compared exactly, so nothing that a parser would rewrite unseen. */
export const Identifier = z
  .string()
  .max(MAX_IDENTIFIER)
  .regex(/^[A-Za-z][A-Za-z0-9+.-]*:[^\s#\\\p{Cc}"<>^`{|}]+$/u, 'must be an absolute URI without a fragment')
  .refine((uri) => URL.canParse(uri), { message: 'must be an absolute URI without a fragment' });

export const ResourceScope = z.strictObject({
  name: z
    .string()
    .max(128)
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope token (RFC 6749 §3.3)'),
  description: plainText(300).optional(),
  optional: z.boolean().optional().meta({ description: 'The person may leave it out when consenting' }),
});
export type ResourceScope = z.infer<typeof ResourceScope>;

const scopes = z
  .array(ResourceScope)
  .max(200)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, { message: 'names must differ' });

/** RFC 6749 appendix A.1. It need not be registered yet: what is applied together has no order. */
const introspectionClients = z
  .array(z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be a client_id'))
  .max(50)
  .refine((all) => new Set(all).size === all.length, { message: 'names must differ' })
  .meta({
    description:
      'The client_id of each client that is this resource server: it may introspect its tokens, and reads which have ended',
  });

const members = z.strictObject({
  name: plainText(120),
  scopes,
  access_token_format: z.enum(['opaque', 'jwt']),
  access_token_ttl: z.int().min(60).max(lifetimes.accessTokenMost).meta({ description: 'Seconds' }),
  signing_alg: z.enum(keyAlgorithms.signing).meta({ description: 'Of JWT access tokens; the tenant has keys of it' }),
  authorization_details_types: DetailsTypes,
  metadata: ResourceMetadata,
  dynamic_clients: z.boolean().meta({
    description:
      'Clients that registered themselves or have a document get what they name, or all where they name none, as an MCP server wants it',
  }),
  introspection_clients: introspectionClients,
  role_claims: z.boolean().meta({
    description:
      'Access tokens say `roles` and `permissions`: of the roles of the person or client those that open something here, and which scopes of the token they cover',
  }),
});

export const CreateResource = z.strictObject({
  identifier: Identifier,
  ...members.partial().shape,
  name: plainText(120),
});
export type CreateResource = z.infer<typeof CreateResource>;

/** The identifier stays: tokens already name it. */
export const UpdateResource = patchOf(members);
export type UpdateResource = z.infer<typeof UpdateResource>;

export const ResourceParams = z.strictObject({ resource_id: z.uuid() });
export const ResourceQuery = z.strictObject(pageQuery);
export type ResourceQuery = z.infer<typeof ResourceQuery>;

export const ResourceView = z
  .object({
    id: z.uuid(),
    identifier: z.string(),
    ...members.shape,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Resource' });

export const present = (resource: Resource) => ({
  id: resource.id,
  identifier: resource.identifier,
  name: resource.name,
  scopes: resource.scopes,
  access_token_format: resource.accessTokenFormat,
  access_token_ttl: resource.accessTokenTtl,
  signing_alg: resource.signingAlg,
  authorization_details_types: resource.authorizationDetailsTypes,
  metadata: resource.metadata,
  dynamic_clients: resource.dynamicClients,
  introspection_clients: resource.introspectionClients,
  role_claims: resource.roleClaims,
  created_at: resource.createdAt.toISOString(),
  updated_at: resource.updatedAt.toISOString(),
  version: resource.version,
});
