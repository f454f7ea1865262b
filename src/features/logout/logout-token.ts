// The Logout Token (OpenID Connect Back-Channel Logout 1.0 §2.4): made for one attempt, good for two minutes, and never to be taken for an ID token.
import { importJWK, type JWK, SignJWT } from 'jose';
import { epochSeconds } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** §4: "preferably at most two minutes in the future". */
const LIFETIME_SECONDS = 120;

export interface LogoutClaims {
  iss: string;
  aud: string;
  sub: string;
  /** Absent where the client asked for none: then every session of `sub` at the client is meant. */
  sid?: string;
}

/** @param key private, with `alg` and `kid`. */
export async function logoutToken({ iss, aud, ...who }: LogoutClaims, key: JWK, now: Date): Promise<string> {
  const { alg, kid } = key as { alg: string; kid: string };
  const iat = epochSeconds(now);
  return new SignJWT({ ...who, events: { [EVENT]: {} } })
    .setProtectedHeader({ alg, kid, typ: 'logout+jwt' })
    .setIssuer(iss)
    .setAudience(aud)
    .setIssuedAt(iat)
    .setExpirationTime(iat + LIFETIME_SECONDS)
    .setJti(newId())
    .sign(await importJWK(key, alg));
}
