// What only clients with the profile `compatibility` may do, at tenants that allow it: tokens through the front channel (OpenID Connect Core §3.2, §3.3), which
// RFC 9700 §2.1.2 advises against, and a code without PKCE (§2.1.1).
import { z } from 'zod';
import type { Rule } from './rule.js';
import { COMPATIBILITY_RESPONSE_TYPES } from './values.js';

export const settings = {
  /** Its codes are bound by the nonce of the ID token instead, so it must ask for one with every request. */
  pkce_exempt: z.boolean().optional(),
};

const frontChannel: ReadonlySet<string> = new Set(COMPATIBILITY_RESPONSE_TYPES);

export const rule: Rule = (client, refuse) => {
  const allowed = client.profile === 'compatibility';
  const types = client.response_types.filter((type) => frontChannel.has(type));
  const implicit = client.grant_types.some((type) => type === 'implicit');
  if (!allowed && (types.length > 0 || implicit))
    refuse('response_types', 'tokens come from /token alone (RFC 9700 §2.1.2)');
  if (!allowed && client.pkce_exempt) refuse('pkce_exempt', 'is for the profile compatibility');
  if (client.pkce_exempt && client.token_endpoint_auth_method === 'none')
    refuse('pkce_exempt', 'is for clients that authenticate (RFC 9700 §2.1.1)');
  if (implicit !== types.length > 0)
    refuse('grant_types', 'implicit belongs to response types with token or id_token (RFC 7591 §2.1)');
  if (types.some((type) => type.split(' ').includes('token')) && client.dpop_bound_access_tokens)
    refuse('response_types', 'must not have token where tokens are bound to a key');
  // OpenID Connect Dynamic Client Registration §2, application_type.
  if (types.length > 0 && client.application_type === 'web')
    for (const [index, uri] of client.redirect_uris.entries())
      if (!/^https:\/\/(?!localhost(?:[:/?]|$))/i.test(uri))
        refuse(`redirect_uris/${index}`, 'must be https, and not localhost, with this response_type');
};
