// Kinds of values that settings of several kinds have.
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { isWebUri, isWritten } from '../clients/redirect-uri.js';

/** Where a browser is sent, or we ask: https, or this machine while something is tried; what is fetched passes platform/egress.ts besides. */
export const location = z
  .string()
  .max(1024)
  .refine((uri) => isWebUri(uri) && isWritten(uri) && !uri.includes('#'), {
    message: 'must be an https URI (RFC 3986) without a fragment',
  });

export const unique = (given: readonly string[]) => new Set(given).size === given.length;

/** RFC 7468 §5. @returns undefined for what is none, or has a key that we verify nothing with. */
export function certificateOf(pem: string): X509Certificate | undefined {
  if (!/^-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/.test(pem)) return undefined;
  try {
    const certificate = new X509Certificate(pem);
    return isStrong(certificate) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

function isStrong({ publicKey }: X509Certificate): boolean {
  const { modulusLength = 0, namedCurve = '' } = publicKey.asymmetricKeyDetails ?? {};
  if (publicKey.asymmetricKeyType === 'rsa') return modulusLength >= 2048;
  return publicKey.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve);
}

export function isValidAt(pem: string, now: Date): boolean {
  const certificate = certificateOf(pem);
  return certificate !== undefined && new Date(certificate.validFrom) <= now && now < new Date(certificate.validTo);
}

export function isOver(pem: string, now: Date): boolean {
  const certificate = certificateOf(pem);
  return certificate === undefined || new Date(certificate.validTo) <= now;
}
