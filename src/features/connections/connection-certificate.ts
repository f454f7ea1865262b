// A key pair of ours and the certificate that carries it: nobody vouches for it, whoever trusts us has taken it from our metadata.
import { webcrypto } from 'node:crypto';
import { randomToken } from '../../platform/crypto.js';

export interface KeyPair {
  /** PEM. */
  certificate: string;
  /** PKCS #8, PEM. */
  privateKey: string;
}

const algorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 3072,
  publicExponent: new Uint8Array([1, 0, 1]),
};
/** Other sides stop believing one that has expired, often without a word: it is renewed by hand, long before. */
const yearsOfLife = 10;

/** RSA, because every implementation of SAML has it. Takes a while to find: never inside a transaction. @param name of the connection, within the certificate. */
export async function makeKeyPair(name: string, now: Date): Promise<KeyPair> {
  // Loaded with the first key. It asks for reflect-metadata, which typeorm has brought.
  const { X509CertificateGenerator, KeyUsageFlags, KeyUsagesExtension, PemConverter } = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(now.getUTCFullYear() + yearsOfLife);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // RFC 5280 §4.1.2.2: positive.
    serialNumber: `01${Buffer.from(randomToken(15), 'base64url').toString('hex')}`,
    name: [{ CN: [name] }],
    notBefore: new Date(now.getTime() - 3_600_000),
    notAfter,
    signingAlgorithm: algorithm,
    keys,
    extensions: [new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true)],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: certificate.toString('pem'), privateKey: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
