// What clients sign: DPoP proofs (RFC 9449 §4.2) and assertions about themselves (RFC 7523 §3).
import { randomUUID } from 'node:crypto';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';

export interface DpopKey {
  privateKey: CryptoKey;
  jwk: JWK;
  /** RFC 9449 §6.1. */
  jkt: string;
}

export async function dpopKey(): Promise<DpopKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { privateKey, jwk, jkt: await calculateJwkThumbprint(jwk) };
}

export const proofOf = ({ privateKey, jwk }: DpopKey, claims: JWTPayload & { htm: string; htu: string }) =>
  new SignJWT({ jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .sign(privateKey);

export const assertionOf = (
  { privateKey }: DpopKey,
  clientId: string,
  audience: string | string[],
  jti: string = randomUUID(),
) =>
  new SignJWT({ jti })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('1 minute')
    .sign(privateKey);
