// XML Encryption 1.1, as much of it as is safe: RSA-OAEP for the key, AES-GCM for the content. CBC has no integrity, and PKCS #1 v1.5 answers an
// attacker's questions one by one (§6.1.4, §5.5.1): both are refused before any key of ours is used.
import { type CipherGCMTypes, constants, createDecipheriv, type KeyObject, privateDecrypt } from 'node:crypto';
import type { Checks } from './gate-checks.js';
import { DSIG, XENC, XENC11 } from './gate-names.js';
import type { XmlElement } from './xml/element.js';
import { MESSAGE } from './xml/limits.js';
import { fromBase64, fromUtf8 } from './xml/octets.js';

const ciphers: ReadonlyMap<string, { cipher: CipherGCMTypes; size: number }> = new Map([
  [`${XENC11}aes128-gcm`, { cipher: 'aes-128-gcm', size: 16 }],
  [`${XENC11}aes192-gcm`, { cipher: 'aes-192-gcm', size: 24 }],
  [`${XENC11}aes256-gcm`, { cipher: 'aes-256-gcm', size: 32 }],
]);

const setting = 'saml.wants.encrypted';
/** One for each key of ours that may be about. */
const MOST_KEYS = 4;

/** @returns the XML of the assertion, of which nothing is proved: whoever has our certificate can encrypt */
export function decrypted(encrypted: XmlElement, keys: readonly KeyObject[], checks: Checks): string {
  const data = encrypted.only(XENC, 'EncryptedData');
  checks.must('encryption_shape', data !== undefined);
  const method = data.only(XENC, 'EncryptionMethod')?.attribute('Algorithm') ?? '';
  const algorithm = ciphers.get(method);
  checks.must('encryption_algorithm', algorithm !== undefined, { seen: method, expected: [...ciphers.keys()] });
  const sent = [
    ...encrypted.all(XENC, 'EncryptedKey'),
    ...(data.only(DSIG, 'KeyInfo')?.all(XENC, 'EncryptedKey') ?? []),
  ];
  checks.must('encryption_keys', sent.length >= 1 && sent.length <= MOST_KEYS, { seen: sent.length });
  const hashes = sent.map(oaepHashOf);
  const transports = sent.map((one) => one.only(XENC, 'EncryptionMethod')?.attribute('Algorithm') ?? '');
  checks.must(
    'encryption_key_algorithm',
    hashes.every((hash) => hash !== undefined),
    {
      seen: transports,
      expected: [`${XENC}rsa-oaep-mgf1p`, `${XENC11}rsa-oaep`],
    },
  );
  const content = cipherValue(data, MESSAGE.bytes);
  const secrets = sent.flatMap((one, index) => secretsOf(one, hashes[index] ?? '', keys));
  const xml = secrets
    .filter(({ length }) => length === algorithm.size)
    .map((secret) => unsealed(content, algorithm.cipher, secret))
    .find((one) => one !== undefined);
  checks.must('encryption_key', xml !== undefined, { setting });
  return fromUtf8(xml);
}

/** For the label and for MGF1 the same: OpenSSL knows no mixture. @returns undefined where it is not OAEP, or one that is not done here */
function oaepHashOf(key: XmlElement): string | undefined {
  const method = key.only(XENC, 'EncryptionMethod');
  const digest = method?.only(DSIG, 'DigestMethod')?.attribute('Algorithm') ?? `${DSIG}sha1`;
  const hash = digests.get(digest);
  const mask = method?.only(XENC11, 'MGF')?.attribute('Algorithm') ?? `${XENC11}mgf1sha1`;
  const isLabelled = (method?.all(XENC, 'OAEPparams').length ?? 0) > 0;
  if (hash === undefined || isLabelled || mask !== `${XENC11}mgf1${hash}`) return undefined;
  const algorithm = method?.attribute('Algorithm');
  return algorithm === `${XENC11}rsa-oaep` || (algorithm === `${XENC}rsa-oaep-mgf1p` && hash === 'sha1')
    ? hash
    : undefined;
}

/** SHA-1 within OAEP needs no resistance against collisions. */
const digests: ReadonlyMap<string, string> = new Map([
  [`${DSIG}sha1`, 'sha1'],
  [`${XENC}sha256`, 'sha256'],
  ['http://www.w3.org/2001/04/xmldsig-more#sha384', 'sha384'],
  [`${XENC}sha512`, 'sha512'],
]);

function secretsOf(key: XmlElement, oaepHash: string, ours: readonly KeyObject[]): Buffer[] {
  const sent = cipherValue(key, 1024);
  return ours.flatMap((one) => {
    try {
      return [privateDecrypt({ key: one, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, sent)];
    } catch {
      return []; // it was for another key
    }
  });
}

/** §5.2.4: nonce of 96 bits, then the text, then a tag of 128 bits. */
function unsealed(content: Buffer, cipher: CipherGCMTypes, secret: Buffer): Buffer | undefined {
  const [nonce, tag] = [12, 16];
  if (content.length <= nonce + tag) return undefined;
  try {
    const decipher = createDecipheriv(cipher, secret, content.subarray(0, nonce), { authTagLength: tag });
    decipher.setAuthTag(content.subarray(-tag));
    return Buffer.concat([decipher.update(content.subarray(nonce, -tag)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** By value: nothing is fetched by CipherReference. */
function cipherValue(of: XmlElement, limit: number): Buffer {
  const text = of.only(XENC, 'CipherData')?.only(XENC, 'CipherValue')?.text ?? '';
  return fromBase64(text, limit);
}
