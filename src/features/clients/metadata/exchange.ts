// Token exchange (RFC 8693) and assertions as authorization grants (RFC 7523 §2.1). Whose tokens a client may exchange, and whose assertions it may show,
// it does not say itself: an administrator does (features/exchange, features/trusted-issuers).
import type { Rule } from './rule.js';

const named = {
  'urn:ietf:params:oauth:grant-type:token-exchange': 'token exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer': 'jwt-bearer',
} as const;

export const rule: Rule = (client, refuse) => {
  if (client.token_endpoint_auth_method !== 'none') return;
  // RFC 8693 §5, RFC 7521 §4.1: whoever holds a token or an assertion could make another one of it, unless the client is known.
  for (const [grantType, name] of Object.entries(named))
    if ((client.grant_types as string[]).includes(grantType))
      refuse('token_endpoint_auth_method', `${name} needs a client that authenticates`);
};
