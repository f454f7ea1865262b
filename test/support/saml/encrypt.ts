// Encrypts an assertion to a service provider (XML Encryption 1.1), in each way that is in use, of which ours takes some.
import { type CipherGCMTypes, constants, createCipheriv, publicEncrypt, randomBytes } from 'node:crypto';
import { SAML } from './messages.js';

export const AES256_GCM = 'http://www.w3.org/2009/xmlenc11#aes256-gcm';
export const OAEP = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p';
export const OAEP11 = 'http://www.w3.org/2009/xmlenc11#rsa-oaep';

const ciphers: Record<string, { name: string; size: number }> = {
  'http://www.w3.org/2009/xmlenc11#aes128-gcm': { name: 'aes-128-gcm', size: 16 },
  'http://www.w3.org/2009/xmlenc11#aes192-gcm': { name: 'aes-192-gcm', size: 24 },
  [AES256_GCM]: { name: 'aes-256-gcm', size: 32 },
  'http://www.w3.org/2001/04/xmlenc#aes128-cbc': { name: 'aes-128-cbc', size: 16 },
  'http://www.w3.org/2001/04/xmlenc#aes256-cbc': { name: 'aes-256-cbc', size: 32 },
};

export interface Encryption {
  content?: string;
  transport?: string;
  /** Of OAEP 1.1, for the label and for MGF1 alike. */
  hash?: 'sha1' | 'sha256' | 'sha512';
  /** Beside the data, where it is not in its KeyInfo. */
  beside?: boolean;
}

export function encrypted(xml: string, certificate: string, how: Encryption = {}): string {
  const content = how.content ?? AES256_GCM;
  const { name, size } = ciphers[content] ?? { name: 'aes-256-gcm', size: 32 };
  const secret = randomBytes(size);
  const iv = randomBytes(name.endsWith('gcm') ? 12 : 16);
  const cipher = createCipheriv(name as CipherGCMTypes, secret, iv);
  const body = [iv, cipher.update(xml, 'utf8'), cipher.final()];
  if (name.endsWith('gcm')) body.push(cipher.getAuthTag());
  const key = keyXml(secret, certificate, how);
  return [
    `<saml:EncryptedAssertion xmlns:saml="${SAML}">`,
    '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">',
    `<xenc:EncryptionMethod Algorithm="${content}"/>`,
    how.beside ? '' : `<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">${key}</ds:KeyInfo>`,
    `<xenc:CipherData><xenc:CipherValue>${Buffer.concat(body).toString('base64')}</xenc:CipherValue></xenc:CipherData>`,
    `</xenc:EncryptedData>${how.beside ? key : ''}</saml:EncryptedAssertion>`,
  ].join('');
}

function keyXml(secret: Buffer, certificate: string, how: Encryption): string {
  const transport = how.transport ?? OAEP;
  const hash = how.hash ?? 'sha1';
  const old = transport.endsWith('rsa-1_5');
  const padding = old ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_OAEP_PADDING;
  const sent = publicEncrypt({ key: certificate, padding, ...(!old && { oaepHash: hash }) }, secret);
  const digest =
    hash === 'sha1' ? 'http://www.w3.org/2000/09/xmldsig#sha1' : `http://www.w3.org/2001/04/xmlenc#${hash}`;
  const method = [`<ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="${digest}"/>`];
  if (transport === OAEP11)
    method.push(
      `<xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1${hash}"/>`,
    );
  return [
    '<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">',
    `<xenc:EncryptionMethod Algorithm="${transport}">${old ? '' : method.join('')}</xenc:EncryptionMethod>`,
    `<xenc:CipherData><xenc:CipherValue>${sent.toString('base64')}</xenc:CipherValue></xenc:CipherData>`,
    '</xenc:EncryptedKey>',
  ].join('');
}
