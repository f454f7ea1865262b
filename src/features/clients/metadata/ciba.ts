// Client-Initiated Backchannel Authentication (OpenID Connect CIBA §4): how a client hears of a decision, and what it signs to ask for one.
import { z } from 'zod';
import type { Rule } from './rule.js';
import { CLIENT_ALGS, httpsUri } from './values.js';

const GRANT = 'urn:openid:params:grant-type:ciba';

export const shape = {
  // Not `push`, by which tokens travel to whoever answers at an address (FAPI-CIBA §5.2.2).
  backchannel_token_delivery_mode: z.enum(['poll', 'ping']).optional(),
  backchannel_client_notification_endpoint: httpsUri.optional(),
  backchannel_authentication_request_signing_alg: z.enum(CLIENT_ALGS).optional(),
};

export const rule: Rule = (client, refuse) => {
  const asks = client.grant_types.some((grant) => grant === GRANT);
  const { backchannel_token_delivery_mode: mode } = client;
  if (!asks) {
    for (const member of Object.keys(shape) as (keyof typeof shape)[])
      if (client[member] !== undefined) refuse(member, `is for the grant type ${GRANT}`);
    return;
  }
  if (!mode) refuse('backchannel_token_delivery_mode', `is needed for the grant type ${GRANT}`);
  if (mode === 'ping' && !client.backchannel_client_notification_endpoint)
    refuse('backchannel_client_notification_endpoint', 'is needed for ping');
  if (mode !== 'ping' && client.backchannel_client_notification_endpoint)
    refuse('backchannel_client_notification_endpoint', 'is for ping');
  // §7.1: a client that asks people behind the scenes proves who it is.
  if (client.token_endpoint_auth_method === 'none')
    refuse('token_endpoint_auth_method', `the grant type ${GRANT} needs a client that authenticates`);
  if (client.backchannel_authentication_request_signing_alg && !client.jwks && !client.jwks_uri)
    refuse('jwks', 'jwks or jwks_uri is needed');
  if (client.subject_type !== 'pairwise') return;
  if (client.token_endpoint_auth_method !== 'private_key_jwt')
    refuse('token_endpoint_auth_method', 'must be private_key_jwt for pairwise subjects');
  if (!client.jwks_uri) refuse('jwks_uri', 'is needed for pairwise subjects');
};
