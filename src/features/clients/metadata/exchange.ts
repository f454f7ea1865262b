// Token exchange (RFC 8693). Whose tokens a client may exchange it does not say itself: an administrator writes policies (features/exchange).
import type { Rule } from './rule.js';

export const rule: Rule = (client, refuse) => {
  const exchanges = client.grant_types.includes('urn:ietf:params:oauth:grant-type:token-exchange');
  // RFC 8693 §5: whoever holds a token could have another one made of it, unless the client is known.
  if (exchanges && client.token_endpoint_auth_method === 'none')
    refuse('token_endpoint_auth_method', 'token exchange needs a client that authenticates');
};
