import { createPrivateKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Encryption, encrypted, OAEP, OAEP11 } from '../../support/saml/encrypt.js';
import { GateHouse } from '../../support/saml/gate-house.js';
import type { Respond } from '../../support/saml/honest-idp.js';
import { assertionXml } from '../../support/saml/messages.js';
import { signed } from '../../support/saml/sign.js';

const XENC = 'http://www.w3.org/2001/04/xmlenc#';
const GCM = 'http://www.w3.org/2009/xmlenc11#aes';

describe('encrypted assertions (SAML Core §2.3.4, XML Encryption 1.1)', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const respond = (encryption?: Encryption, how: Respond = {}) =>
    house.respond({ ...how, encrypt_to: house.sp.certificate, ...(encryption && { encryption }) });
  const sealed = (assertions: string, how: Respond = {}) =>
    house.respond({ sign: 'neither', ...how, response: { assertions: encrypted(assertions, house.sp.certificate) } });

  it.each<[string, Encryption]>([
    ['AES-128-GCM', { content: `${GCM}128-gcm` }],
    ['AES-192-GCM', { content: `${GCM}192-gcm` }],
    ['AES-256-GCM', { content: `${GCM}256-gcm` }],
    ['RSA-OAEP of XML Encryption 1.0', { transport: OAEP }],
    ['RSA-OAEP of XML Encryption 1.1 with SHA-256', { transport: OAEP11, hash: 'sha256' }],
    ['RSA-OAEP of XML Encryption 1.1 with SHA-512', { transport: OAEP11, hash: 'sha512' }],
    ['the key beside the data', { beside: true }],
  ])('%s is taken', async (_, encryption) => {
    for (const sign of ['assertion', 'response', 'both'] as const)
      expect(await house.outcome(respond(encryption, { sign }))).toBe('taken');
  });

  it.each<[string, Encryption, string]>([
    ['AES-CBC of 128 bits, which is not authenticated', { content: `${XENC}aes128-cbc` }, 'encryption_algorithm'],
    ['AES-CBC of 256 bits', { content: `${XENC}aes256-cbc` }, 'encryption_algorithm'],
    ['RSA PKCS #1 v1.5 (Bleichenbacher)', { transport: `${XENC}rsa-1_5` }, 'encryption_key_algorithm'],
    [
      'RSA-OAEP of 1.0 with another digest than that of its mask',
      { transport: OAEP, hash: 'sha256' },
      'encryption_key_algorithm',
    ],
  ])('%s is refused before a key of ours is used', async (_, encryption, reason) => {
    expect(await house.outcome(respond(encryption))).toBe(reason);
  });

  it.each<[string, (xml: string) => string, string]>([
    [
      'one bit of the content',
      (xml) => xml.replace(/(.*<xenc:CipherValue>.{40})(.)/s, (_, start, one) => start + (one === 'A' ? 'B' : 'A')),
      'encryption_key',
    ],
    [
      'one bit of the key',
      (xml) => xml.replace(/(<xenc:CipherValue>.{40})(.)/s, (_, start, one) => start + (one === 'A' ? 'B' : 'A')),
      'encryption_key',
    ],
    [
      'a tag of authentication that is short',
      (xml) => xml.replace(/(.*<xenc:CipherValue>)[^<]*/s, '$1AAAAAAAAAAAAAAAAAAAA'),
      'encryption_key',
    ],
    [
      'a reference for a value (server-side request forgery)',
      (xml) =>
        xml.replace(
          /(.*)<xenc:CipherValue>[^<]*<\/xenc:CipherValue>/s,
          '$1<xenc:CipherReference URI="http://169.254.169.254/"/>',
        ),
      'xml_base64',
    ],
    [
      'a key elsewhere',
      (xml) =>
        xml.replace(
          /<ds:KeyInfo .*<\/ds:KeyInfo>/s,
          '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:RetrievalMethod URI="#k"/></ds:KeyInfo>',
        ),
      'encryption_keys',
    ],
    [
      'a hundred keys',
      (xml) => xml.replace(/<xenc:EncryptedKey .*?<\/xenc:EncryptedKey>/s, (one) => one.repeat(100)),
      'encryption_keys',
    ],
    [
      'a label',
      (xml) => xml.replace('<ds:DigestMethod ', '<xenc:OAEPparams>AAAA</xenc:OAEPparams><ds:DigestMethod '),
      'encryption_key_algorithm',
    ],
    ['two contents', (xml) => xml.replace(/<xenc:EncryptedData .*<\/xenc:EncryptedData>/s, '$&$&'), 'encryption_shape'],
    [
      'two encrypted assertions',
      (xml) => xml.replace(/<saml:EncryptedAssertion .*<\/saml:EncryptedAssertion>/s, '$&$&'),
      'assertion_count',
    ],
    [
      'a plain assertion beside the encrypted one',
      (xml) => xml.replace('<saml:EncryptedAssertion ', (start) => `${assertionXml(house.between)}${start}`),
      'assertion_count',
    ],
  ])('%s is refused', async (_, change, reason) => {
    const xml = respond();
    expect(change(xml)).not.toBe(xml);
    expect(await house.outcome(change(xml))).toBe(reason);
    expect(await house.outcome(xml)).toBe('taken');
  });

  it('that something was encrypted to us proves nothing: anybody can (CVE-2024-4985, CVE-2024-9487)', async () => {
    const forged = assertionXml(house.between, { name_id: 'mallory' });
    expect(await house.outcome(sealed(forged))).toBe('assertion_signature');
    const byStranger = signed(forged, 'Assertion', house.stranger);
    expect(await house.outcome(sealed(byStranger))).toBe('assertion_signature_value');
    const wants = { wants: { signed: 'assertion', encrypted: true } as const };
    expect(await house.outcome(sealed(forged, { sign: 'response' }), wants)).toBe('assertion_signature');
  });

  it('an encrypted one before one that was signed is not taken for it (CVE-2026-2092)', async () => {
    const genuine = signed(assertionXml(house.between), 'Assertion', house.idp.key);
    const forged = encrypted(assertionXml(house.between, { name_id: 'mallory' }), house.sp.certificate);
    for (const assertions of [forged + genuine, genuine + forged])
      expect(await house.outcome(house.respond({ sign: 'neither', response: { assertions } }))).toBe('assertion_count');
  });

  it.each<[string, (assertion: string) => string, string]>([
    ['something else', () => '<a/>', 'encrypted_assertion'],
    [
      'an assertion of another namespace',
      (xml) => xml.replaceAll('SAML:2.0:assertion', 'SAML:1.0:assertion'),
      'encrypted_assertion',
    ],
    [
      'a response',
      (xml) => `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${xml}</samlp:Response>`,
      'encrypted_assertion',
    ],
    [
      'an assertion in an assertion',
      (xml) => assertionXml(house.between, { in_assertion: xml }),
      'encrypted_assertion',
    ],
    ['two assertions', (xml) => `${xml}${xml}`, 'xml_malformed'],
    ['a document type', (xml) => `<!DOCTYPE a>${xml}`, 'xml_doctype'],
    ['a comment', (xml) => xml.replace('alice', 'al<!---->ice'), 'xml_comment'],
    [
      'a signature elsewhere',
      (xml) => xml.replace(/(<ds:Signature .*<\/ds:Signature>)(.*<saml:Subject>)/s, '$2$1'),
      'signature_placement',
    ],
    ['one character changed', (xml) => xml.replace('alice', 'alicf'), 'assertion_digest_value'],
  ])('what comes out is looked at like what came in: %s', async (_, change, reason) => {
    const genuine = signed(assertionXml(house.between), 'Assertion', house.idp.key);
    expect(await house.outcome(sealed(change(genuine)))).toBe(reason);
    expect(await house.outcome(sealed(genuine))).toBe('taken');
  });

  it('where encryption is wanted, a plain assertion is refused; a response whose assertion was encrypted has an Issuer', async () => {
    const wants = { wants: { signed: 'either', encrypted: true } as const };
    expect(await house.outcome(house.respond(), wants)).toBe('assertion_encryption');
    expect(await house.outcome(respond(), wants)).toBe('taken');
    expect(await house.outcome(respond(undefined, { response: { issuer: null } }), wants)).toBe('issuer');
  });

  it('of our keys each is tried, while one takes the place of another', async () => {
    const keys = [house.stranger, house.sp].map(({ privateKey }) => createPrivateKey(privateKey));
    expect(await house.outcome(respond(), { decryption_keys: keys })).toBe('taken');
    expect(await house.outcome(respond(), { decryption_keys: keys.slice(0, 1) })).toBe('encryption_key');
    expect(await house.outcome(respond(), { decryption_keys: [] })).toBe('encryption_key');
  });
});
