// What is kept of an answer for later: by what the session over there ends, and what its APIs take. Both are sealed wherever they are kept.
import type { UpstreamIdentity } from '../features/connections/upstream-identity.js';
import type { Claims } from './id-token.js';
import type { Tokens } from './upstream-client.js';

const longestHint = 16_384;

export const sessionOf = ({ sid }: Claims, idToken: string): UpstreamIdentity['session'] => ({
  ...(typeof sid === 'string' && sid.length <= 512 ? { index: sid } : {}),
  ...(idToken.length <= longestHint ? { id_token: idToken } : {}),
});

export const tokensOf = (
  { access_token, refresh_token, expires_in, scope }: Tokens,
  now: number,
): UpstreamIdentity['tokens'] => ({
  access_token,
  ...(refresh_token === undefined ? {} : { refresh_token }),
  ...(expires_in === undefined ? {} : { expires_at: now + expires_in }),
  ...(scope === undefined ? {} : { scope }),
});
