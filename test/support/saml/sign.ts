// Signs what messages.ts writes, as identity providers do: by XML Signature (xml-crypto), or in the query of a redirect.
import { createSign, sign } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { SignedXml } from 'xml-crypto';
import type { SamlKey } from './keys.js';

export const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#';
export const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
export const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
export const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';

/** Of algorithms that xml-crypto has not. */
const more: Record<string, string> = {
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha384': 'sha384',
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1': 'sha1',
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256': 'sha256',
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384': 'sha384',
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512': 'sha512',
};

export interface Signing {
  algorithm?: string;
  digest?: string;
  transforms?: string[];
  prefixes?: string[];
  canonicalization?: string;
  /** Of the elements of the signature. */
  prefix?: string;
}

/** @param name of an element that stands once, by its local name; the signature is put behind its Issuer, where it has one. */
export function signed(xml: string, name: string, key: SamlKey, how: Signing = {}): string {
  const signer = new SignedXml({
    privateKey: key.privateKey,
    publicCert: key.certificate,
    signatureAlgorithm: (how.algorithm ?? RSA_SHA256) as typeof RSA_SHA256,
    canonicalizationAlgorithm: (how.canonicalization ?? EXCLUSIVE) as typeof EXCLUSIVE,
    idAttribute: 'ID',
  });
  for (const [uri, hash] of Object.entries(more))
    Object.assign(signer.SignatureAlgorithms, { [uri]: algorithm(uri, hash) });
  const xpath = `//*[local-name(.)='${name}']`;
  signer.addReference({
    xpath,
    transforms: (how.transforms ?? [ENVELOPED, EXCLUSIVE]) as [typeof ENVELOPED],
    digestAlgorithm: (how.digest ?? SHA256) as typeof SHA256,
    ...(how.prefixes && { inclusiveNamespacesPrefixList: how.prefixes }),
  });
  const isIssued = new RegExp(`:${name} [^>]*><saml:Issuer`).test(xml);
  const location = isIssued
    ? ({ reference: `${xpath}/*[local-name(.)='Issuer']`, action: 'after' } as const)
    : ({ reference: xpath, action: 'prepend' } as const);
  signer.computeSignature(xml, { location, prefix: how.prefix ?? 'ds' });
  return signer.getSignedXml();
}

/** XML Signature §6.4.3: a signature by ECDSA is its two numbers, one after the other. */
const algorithm = (uri: string, hash: string) =>
  class {
    getAlgorithmName = () => uri;
    getSignature = (text: string, key: string) =>
      sign(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64');
    verifySignature = () => false;
  };

export const posted = (xml: string): string => Buffer.from(xml).toString('base64');

export interface Redirected {
  relay_state?: string;
  algorithm?: string;
  hash?: string;
  /** Nothing is signed where there is none. */
  key?: SamlKey;
  /** How it writes what may not stand in an address: AD FS in small letters. */
  escaped?: (text: string) => string;
}

/** SAML Bindings §3.4.4.1. @returns the query, as it stands behind the question mark. */
export function redirected(name: 'SAMLRequest' | 'SAMLResponse', xml: string, how: Redirected = {}): string {
  const { escaped = encodeURIComponent } = how;
  const message = deflateRawSync(Buffer.from(xml)).toString('base64');
  const query = [`${name}=${escaped(message)}`];
  if (how.relay_state !== undefined) query.push(`RelayState=${escaped(how.relay_state)}`);
  if (!how.key) return query.join('&');
  query.push(`SigAlg=${escaped(how.algorithm ?? RSA_SHA256)}`);
  const signature = createSign(how.hash ?? 'sha256')
    .update(query.join('&'))
    .sign({ key: how.key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${query.join('&')}&Signature=${escaped(signature.toString('base64'))}`;
}
