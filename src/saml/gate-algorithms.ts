// Which algorithms count, and which keys: SHA-256 and up, RSA from 2048 bits, the curves of NIST. Whatever is not in these lists is refused,
// SHA-1, HMAC, DSA and `none` among them.
import { constants, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { XENC } from './gate-names.js';

const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';
const MORE11 = 'http://www.w3.org/2007/05/xmldsig-more#';

export const digests: ReadonlyMap<string, 'sha256' | 'sha384' | 'sha512'> = new Map([
  [`${XENC}sha256`, 'sha256'],
  [`${MORE}sha384`, 'sha384'],
  [`${XENC}sha512`, 'sha512'],
]);

export interface SignatureAlgorithm {
  type: 'rsa' | 'ec';
  hash: string;
  /** RFC 9231 §2.3.10. */
  pss?: true;
}

export const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  ['sha256', 'sha384', 'sha512'].flatMap((hash): [string, SignatureAlgorithm][] => [
    [`${MORE}rsa-${hash}`, { type: 'rsa', hash }],
    [`${MORE}ecdsa-${hash}`, { type: 'ec', hash }],
    [`${MORE11}${hash}-rsa-MGF1`, { type: 'rsa', hash, pss: true }],
  ]),
);

export function isVerified(algorithm: SignatureAlgorithm, key: KeyObject, over: Buffer, signature: Buffer): boolean {
  if (key.asymmetricKeyType !== algorithm.type) return false;
  const padding = algorithm.pss && {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
  return verify(algorithm.hash, over, { key, dsaEncoding: 'ieee-p1363', ...padding }, signature);
}

/** Of a certificate its key alone counts: it is trusted because it was configured, so that neither its name nor its time says anything. */
export function keyOf(certificate: string): KeyObject | undefined {
  try {
    const { publicKey } = new X509Certificate(certificate);
    return isStrong(publicKey) ? publicKey : undefined;
  } catch {
    return undefined;
  }
}

const curves = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const LEAST_BITS = 2048;
const LEAST_EXPONENT = 65_537n;

function isStrong({ asymmetricKeyType, asymmetricKeyDetails: of = {} }: KeyObject): boolean {
  if (asymmetricKeyType === 'ec') return curves.has(of.namedCurve ?? '');
  return (
    asymmetricKeyType === 'rsa' && (of.modulusLength ?? 0) >= LEAST_BITS && (of.publicExponent ?? 0n) >= LEAST_EXPONENT
  );
}
