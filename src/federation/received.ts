// An ID token as it was received, with what it was compared with: examined at once, and again later with the settings of then.
import { decodeProtectedHeader } from 'jose';
import { z } from 'zod';
import { type Claims, checksOfIdToken, halfHash } from './id-token.js';
import type { Examination } from './refusal.js';
import type { SignedJwts } from './signed-jwt.js';
import type { Upstream } from './upstream.js';

/** Nothing in it opens anything: of the access token there is half a hash, and the nonce was for one request. */
export const Received = z.strictObject({
  id_token: z.string(),
  at_hash: z.string(),
  nonce: z.string(),
  /** NumericDate. */
  sent_at: z.number(),
  max_age: z.number().optional(),
  anew: z.boolean(),
});
export type Received = z.output<typeof Received>;

const longestKept = 16_384;

/** @returns undefined for what is too large to be an ID token of anybody. */
export const messageOf = (received: Received): string | undefined =>
  received.id_token.length <= longestKept ? JSON.stringify(received) : undefined;

/** @param at NumericDate: when it was received. @throws Refused */
export async function examineIdToken(
  { id_token, at_hash: atHash, nonce, sent_at: sentAt, max_age: maxAge, anew }: Received,
  { upstream, secret }: { upstream: Upstream; secret: string },
  jwts: SignedJwts,
  examination: Examination,
  at: number,
): Promise<Claims> {
  const { endpoints, issuer = '', algorithms, clientId, tolerance } = upstream;
  const signer = { jwksUri: endpoints.jwks_uri, algorithms, secret };
  const { header, claims } = await jwts.verify('id_token', id_token, signer, examination);
  const expected = { issuer, clientId, nonce, atHash, now: at, sentAt, tolerance, maxAge, anew };
  examination.pass(...checksOfIdToken(header, claims, expected));
  return claims;
}

/** By the algorithm that the ID token names, which is examined before this is. */
export function atHashFor(idToken: string, accessToken: string): string {
  try {
    return halfHash(String(decodeProtectedHeader(idToken).alg), accessToken);
  } catch {
    return '';
  }
}
