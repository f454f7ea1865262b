// Nonces for proofs of possession at doors of ours (RFC 9449 §9). The engine has its own for its endpoints (§8), made of the same secret in the same
// way: libraries keep one nonce per origin, so that one which was given at /token has to be good at the API of the same tenant, and the other way round.
import { hkdfSync } from 'node:crypto';
import { safeEqual } from '../../platform/crypto.js';

const stepMs = 60_000;

/** Steps around now in which a nonce is good: the one that is given is of the next, so it lives two minutes at least, and three at most. */
const good = [-2, -1, 0, 1, 2];

/** The one to be given now. @param secret 32 bytes, of the tenant. */
export const nextNonce = (secret: Buffer, now: Date): string => nonceOf(secret, stepAt(now) + 1);

export const isNonce = (secret: Buffer, nonce: string, now: Date): boolean =>
  good.some((step) => safeEqual(nonceOf(secret, stepAt(now) + step), nonce));

const stepAt = (now: Date) => Math.floor(now.getTime() / stepMs);

function nonceOf(secret: Buffer, step: number): string {
  const salt = Buffer.alloc(8);
  salt.writeBigUInt64BE(BigInt(step));
  return Buffer.from(hkdfSync('sha256', secret, salt, 'DPoP', 32)).toString('base64url');
}
