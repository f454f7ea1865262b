// What a server says when a session has ended elsewhere, and what makes it believable (OpenID Connect Back-Channel Logout 1.0 §2.6).
import { type JWTVerifyGetKey, jwtVerify } from 'jose';

/** One session, or without `sid` all of this person. */
export interface Ended {
  sid?: string;
  sub?: string;
}

/** @throws Error where it is not believed. */
export async function believed(
  token: string,
  { issuer, clientId, keys }: { issuer: string; clientId: string; keys: JWTVerifyGetKey },
): Promise<Ended> {
  const { payload } = await jwtVerify<Ended & { events: Record<string, unknown> }>(token, keys, {
    issuer,
    audience: clientId,
    // id_token_signed_response_alg of this client; typ keeps an ID token from being taken for a logout token.
    algorithms: ['ES256'],
    typ: 'logout+jwt',
    requiredClaims: ['iat', 'exp', 'jti', 'events'],
  });
  const { events, sid, sub } = payload;
  if (!events?.['http://schemas.openid.net/event/backchannel-logout']) throw new Error('it tells of no logout');
  if ('nonce' in payload) throw new Error('it has a nonce');
  if (!sid && !sub) throw new Error('it names nobody');
  return { ...(sid ? { sid } : {}), ...(sub ? { sub } : {}) };
}
