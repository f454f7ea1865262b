// What a resource server tells clients of itself (RFC 9728): the document, and where it is looked for.
import { z } from 'zod';
import type { ResourceServer } from './resource.entity.js';

const page = z
  .url({ protocol: /^https$/ })
  .max(2048)
  .optional();

/** RFC 9728 §2, as far as it is the resource server's own to say: the rest follows from what is registered. */
export const ResourceMetadata = z
  .strictObject({
    scopes_supported: z
      .array(z.string().max(128))
      .max(200)
      .optional()
      .meta({ description: 'What clients are told to ask for first; absent: every scope' }),
    // RFC 9700 §4.3.2: never in an address.
    bearer_methods_supported: z
      .array(z.enum(['header', 'body']))
      .max(2)
      .optional(),
    resource_documentation: page,
    resource_policy_uri: page,
    resource_tos_uri: page,
    dpop_bound_access_tokens_required: z.boolean().optional(),
    tls_client_certificate_bound_access_tokens: z.boolean().optional(),
  })
  .meta({ description: 'What its protected resource metadata says beside what is registered (RFC 9728 §2)' });
export type ResourceMetadata = z.infer<typeof ResourceMetadata>;

export const ProtectedResourceMetadata = z
  .object({
    resource: z.string(),
    authorization_servers: z.array(z.string()),
    resource_name: z.string(),
    ...ResourceMetadata.shape,
    authorization_details_types_supported: z.array(z.string()).optional(),
  })
  .meta({ id: 'ProtectedResourceMetadata', description: 'RFC 9728 §2' });

/** RFC 9728 §3.2: members without an element are left out. */
export function protectedResourceMetadata(resource: ResourceServer, issuer: string) {
  const { scopes_supported, bearer_methods_supported = ['header'], ...more } = resource.metadata ?? {};
  const names = resource.scopes.map(({ name }) => name);
  const scopes = scopes_supported?.filter((name) => names.includes(name)) ?? names;
  const types = (resource.authorizationDetailsTypes ?? []).map(({ type }) => type);
  return {
    resource: resource.identifier,
    authorization_servers: [issuer],
    resource_name: resource.name,
    ...(scopes.length > 0 ? { scopes_supported: scopes } : {}),
    bearer_methods_supported,
    ...(types.length > 0 ? { authorization_details_types_supported: types } : {}),
    ...more,
  };
}

export const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/** RFC 9728 §3.1: between host and path. @param identifier an https or http URL. */
export function metadataAddress(identifier: string): string {
  const [, origin = '', rest = ''] = /^(https?:\/\/[^/?]+)\/?(.*)$/.exec(identifier) ?? [];
  return `${origin}${WELL_KNOWN}${/^(\?|$)/.test(rest) ? '' : '/'}${rest}`;
}
