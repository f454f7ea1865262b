// How strong a client secret is that somebody else made. Ours have 256 bits; RFC 6749 §10.10 asks for 128.
import { invalid } from '../../platform/errors.js';

const HEX = /^[0-9a-fA-F]+$/;

/**
 * 128 bits are 32 hexadecimal digits or 22 characters of base64url. What is written in other characters is counted as base64url, and few
 * different characters are no random value at all.
 */
export const isStrongSecret = (secret: string): boolean =>
  secret.length >= (HEX.test(secret) ? 32 : 22) && new Set(secret).size >= 8;

/** @param production refuses what has fewer than 128 bits. @throws AppError 422 */
export function assertUsableSecret(secret: string, production: boolean): void {
  const refuse = (message: string) => {
    throw invalid('The client_secret cannot be used', [{ pointer: '/client_secret', message }]);
  };
  // RFC 6749 appendix A.2: VSCHAR.
  if (!/^[\x21-\x7e]{1,512}$/.test(secret)) refuse('must be visible ASCII characters');
  if (production && !isStrongSecret(secret))
    refuse('must hold 128 bits: 22 random characters of base64url, or 32 of hex');
}
