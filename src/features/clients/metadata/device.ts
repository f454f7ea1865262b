// What a client of the device flow must be (RFC 8628).
import type { Rule } from './rule.js';

export const rule: Rule = (client, refuse) => {
  const device = client.grant_types.some((grant) => grant === 'urn:ietf:params:oauth:grant-type:device_code');
  if (!device || client.subject_type !== 'pairwise') return;
  // Without a redirect_uri the sector is proven by keys (OpenID Connect Core §8.1; the engine asks it of both flows without one).
  if (client.token_endpoint_auth_method !== 'private_key_jwt')
    refuse('token_endpoint_auth_method', 'must be private_key_jwt for pairwise subjects in the device flow');
  if (!client.jwks_uri) refuse('jwks_uri', 'is needed for pairwise subjects in the device flow');
  if (client.response_types.length > 0 && !client.sector_identifier_uri)
    refuse('sector_identifier_uri', 'is needed for pairwise subjects with the device flow beside a response type');
};
