// RFC 7591 §2 and OpenID Connect Dynamic Client Registration §2: who the client is, and what it may ask for.
import { z } from 'zod';
import { acrValues } from '../../../../config/protocol.js';
import { plainText } from '../../../platform/text.js';
import { redirectUriProblem } from '../redirect-uri.js';
import type { Rule } from './rule.js';
import {
  AUTH_METHODS,
  GRANT_TYPES,
  httpsUri,
  RESPONSE_TYPES,
  redirectUris,
  SERVER_ALGS,
  seconds,
  webUri,
} from './values.js';

const scope = z
  .string()
  .max(4096)
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    'must be scope tokens with a space between (RFC 6749 §3.3)',
  );

export const shape = {
  redirect_uris: redirectUris.optional(),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).optional(),
  grant_types: z.array(z.enum(GRANT_TYPES)).max(10).optional(),
  response_types: z.array(z.enum(RESPONSE_TYPES)).max(10).optional(),
  client_name: plainText(120).optional(),
  client_uri: webUri.optional(),
  logo_uri: webUri.optional(),
  scope: scope.optional(),
  contacts: z.array(z.email().max(254)).max(20).optional(),
  tos_uri: webUri.optional(),
  policy_uri: webUri.optional(),
  application_type: z.enum(['web', 'native']).optional(),
  subject_type: z.enum(['public', 'pairwise']).optional(),
  sector_identifier_uri: httpsUri.optional(),
  id_token_signed_response_alg: z.enum(SERVER_ALGS).optional(),
  userinfo_signed_response_alg: z.enum(SERVER_ALGS).optional(),
  default_max_age: seconds(0, 31_536_000).optional(),
  require_auth_time: z.boolean().optional(),
  default_acr_values: z.array(z.enum(acrValues)).max(20).optional(),
  initiate_login_uri: httpsUri.optional(),
};

export const rule: Rule = (client, refuse) => {
  const grants = new Set<string>(client.grant_types);
  for (const [index, uri] of (client.redirect_uris ?? []).entries()) {
    const problem = redirectUriProblem(uri, client.application_type);
    if (problem) refuse(`redirect_uris/${index}`, problem);
  }
  if (client.response_types.length > 0 && client.redirect_uris.length === 0)
    refuse('redirect_uris', 'at least one is needed with response_types');
  if (grants.has('authorization_code') !== client.response_types.some((type) => type === 'code'))
    refuse('response_types', 'code and the grant type authorization_code belong together (RFC 7591 §2.1)');
  if (grants.has('refresh_token') && !grants.has('authorization_code'))
    refuse('grant_types', 'refresh_token needs a grant type in which a person takes part');
  // RFC 6749 §4.4: only confidential clients.
  if (grants.has('client_credentials') && client.token_endpoint_auth_method === 'none')
    refuse('token_endpoint_auth_method', 'client_credentials needs a client that authenticates');

  if (client.subject_type === 'pairwise' && !client.sector_identifier_uri) {
    // OIDC Core §8.1: with several hosts the sector has to be said.
    const hosts = new Set(client.redirect_uris.map(hostOf));
    if (hosts.size > 1) refuse('sector_identifier_uri', 'is needed with pairwise subjects and more than one host');
  }
};

function hostOf(uri: string): string {
  try {
    return new URL(uri).host;
  } catch {
    return '';
  }
}
