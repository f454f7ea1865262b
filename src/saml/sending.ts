// How a message gets to the identity provider (SAML Bindings): in the query of an address, or in a form. Owns what is signed of it and how; samlify
// makes the signatures, and reads nothing. Its templates are not used: they fill in one value after another, so that a value with braces is a tag.
import { X509Certificate } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { Message } from './emit.js';
import { type Binding, RSA_SHA256 } from './vocabulary.js';

/** PEM, an RSA key: the redirect binding has no other signatures that everybody can read. */
export interface SigningKey {
  certificate: string;
  privateKey: string;
}

export type Sent =
  | { kind: 'redirect'; address: string }
  | { kind: 'post'; action: string; fields: Record<string, string> };

/** @param key undefined: not signed */
export function send(binding: Binding, message: Message, relayState?: string, key?: SigningKey): Promise<Sent> {
  return binding === 'redirect' ? redirect(message, relayState, key) : post(message, relayState, key);
}

/** SAML Bindings §3.4.4.1: the signature is over the octets of the query as they are sent, in this order, and not in the message. */
async function redirect(message: Message, relayState?: string, key?: SigningKey): Promise<Sent> {
  const parts = [[message.parameter, deflateRawSync(message.xml).toString('base64')]];
  if (relayState !== undefined) parts.push(['RelayState', relayState]);
  if (key) parts.push(['SigAlg', RSA_SHA256]);
  const octets = parts.map(([name, value = '']) => `${name}=${encodeURIComponent(value)}`).join('&');
  const signature =
    key && (await library()).constructMessageSignature(octets, key.privateKey, undefined, true, RSA_SHA256);
  const query = signature === undefined ? octets : `${octets}&Signature=${encodeURIComponent(String(signature))}`;
  const { destination } = message;
  return { kind: 'redirect', address: `${destination}${destination.includes('?') ? '&' : '?'}${query}` };
}

/** SAML Bindings §3.5.4: the message carries its signature, and the form nothing but the message. */
async function post(message: Message, relayState?: string, key?: SigningKey): Promise<Sent> {
  const xml = key ? await signed(message.xml, key) : message.xml;
  return {
    kind: 'post',
    action: message.destination,
    fields: {
      [message.parameter]: Buffer.from(xml).toString('base64'),
      ...(relayState === undefined ? {} : { RelayState: relayState }),
    },
  };
}

/** SAML Core §5.4: one enveloped signature over the whole message, right after the Issuer. */
async function signed(xml: string, { certificate, privateKey }: SigningKey): Promise<string> {
  return (await library()).constructSAMLSignature({
    rawSamlMessage: xml,
    isMessageSigned: true,
    isBase64Output: false,
    signatureAlgorithm: RSA_SHA256,
    signingCert: bodyOf(certificate),
    privateKey,
    signatureConfig: { prefix: 'ds', location: { reference: "/*/*[local-name(.)='Issuer']", action: 'after' } },
  });
}

/** Base64 DER, as X509Certificate elements have it. */
export const bodyOf = (certificate: string): string => new X509Certificate(certificate).raw.toString('base64');

/** Twelve megabytes that a server without such connections never needs. */
const library = async () => (await import('samlify')).default.SamlLib;
