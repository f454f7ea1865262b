import { deflateRawSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { openLogoutRequest, openLogoutResponse } from '../../../src/saml/gate-logout.js';
import { GateHouse, said } from '../../support/saml/gate-house.js';
import { samlKey } from '../../support/saml/keys.js';
import { logoutRequestXml, logoutResponseXml } from '../../support/saml/messages.js';
import { type Redirected, redirected, signed } from '../../support/saml/sign.js';

const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';

describe('the redirect binding: the signature is over the octets of the query (SAML Bindings §3.4.4.1)', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const query = (how: Redirected = {}, xml = logoutRequestXml(house.between)) =>
    redirected('SAMLRequest', xml, { key: house.idp.key, relay_state: 'a b+c', ...how });
  const outcome = async (text: string, certificates = [house.idp.key.certificate]) =>
    said(
      await openLogoutRequest(
        { binding: 'redirect', query: text },
        { ...house.logout, idp: { entity_id: house.idp.entityId, certificates } },
      ),
    );
  const part = (name: string, text: string) => text.split('&').find((one) => one.startsWith(`${name}=`)) ?? '';

  it.each<[what: string, change: (text: string) => string, reason: string]>([
    ['no signature', (text) => text.replace(/&SigAlg.*/, ''), 'message_signature'],
    ['an algorithm without a signature', (text) => text.replace(/&Signature=.*/, ''), 'message_signature'],
    ['a signature without an algorithm', (text) => text.replace(/&SigAlg=[^&]*/, ''), 'message_signature'],
    ['another RelayState', (text) => text.replace('RelayState=a', 'RelayState=b'), 'message_signature_value'],
    ['no RelayState, where one was signed', (text) => text.replace(/&RelayState=[^&]*/, ''), 'message_signature_value'],
    [
      'a RelayState where none was signed',
      (text) => `${text.replace(/&RelayState=[^&]*/, '')}&RelayState=x`,
      'message_signature_value',
    ],
    [
      'the same in other octets',
      (text) => text.replace('RelayState=a%20b', 'RelayState=a+b'),
      'message_signature_value',
    ],
    [
      'escapes in small letters',
      (text) => text.replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase()),
      'message_signature_value',
    ],
    [
      'another message',
      (text) =>
        text.replace(
          part('SAMLRequest', text),
          part('SAMLRequest', query({}, logoutRequestXml(house.between, { name_id: 'mallory' }))),
        ),
      'message_signature_value',
    ],
    ['two messages', (text) => `${text}&${part('SAMLRequest', text)}`, 'query_parameters'],
    ['two RelayStates', (text) => `${text}&RelayState=x`, 'query_parameters'],
    ['two signatures', (text) => `${text}&${part('Signature', text)}`, 'query_parameters'],
    [
      'a message under an escaped name, which others would read',
      (text) => `SAML%52equest=x&${text}`,
      'query_parameters',
    ],
    ['a message under a name of other letters', (text) => `samlrequest=x&${text}`, 'query_parameters'],
    ['a request and a response', (text) => `${text}&SAMLResponse=x`, 'query_message'],
    ['nothing', () => '', 'query_message'],
    ['another encoding than DEFLATE', (text) => `${text}&SAMLEncoding=urn:x`, 'query_encoding'],
    [
      'SHA-1',
      (text) =>
        text.replace(
          encodeURIComponent(`${MORE}rsa-sha256`),
          encodeURIComponent('http://www.w3.org/2000/09/xmldsig#rsa-sha1'),
        ),
      'message_signature_algorithm',
    ],
    ['no algorithm', (text) => text.replace(/SigAlg=[^&]*/, 'SigAlg='), 'message_signature_algorithm'],
    ['an escape that is none', (text) => text.replace(/SigAlg=[^&]*/, 'SigAlg=%ZZ'), 'message_signature_algorithm'],
    ['a signature that is no base64', (text) => text.replace(/Signature=.*/, 'Signature=*'), 'xml_base64'],
    ['more than an address holds', (text) => `${text}&x=${'a'.repeat(70_000)}`, 'query_size'],
  ])('%s', async (_, change, reason) => {
    const genuine = query();
    expect(change(genuine)).not.toBe(genuine);
    expect(await outcome(change(genuine))).toBe(reason);
    expect(await outcome(genuine)).toBe('taken');
  });

  it('what is rightly signed, and no message', async () => {
    const bomb = deflateRawSync(Buffer.alloc(20 * 1024 * 1024)).toString('base64');
    expect(await outcome(query({}, '<a/>'))).toBe('message_type');
    expect(await outcome(query({}, ' '.repeat(600_000)))).toBe('xml_size');
    expect(bomb.length).toBeLessThan(64 * 1024);
    expect(await outcome(query({}, signed(logoutRequestXml(house.between), 'LogoutRequest', house.idp.key)))).toBe(
      'signature_placement',
    );
  });

  it('others may add what is theirs, and order is not theirs to choose', async () => {
    const genuine = query();
    expect(await outcome(`utm=1&${genuine}&x`)).toBe('taken');
    expect(await outcome(genuine.split('&').reverse().join('&'))).toBe('taken');
    expect(await outcome(query({ relay_state: undefined }))).toBe('taken');
  });

  it('octets are taken as they came, however they were escaped', async () => {
    const small = (text: string) => encodeURIComponent(text).replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase());
    const everything = (text: string) =>
      text.replace(/./g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
    for (const escaped of [small, everything]) expect(await outcome(query({ escaped }))).toBe('taken');
  });

  it('with RSA of each length of SHA-2 and with ECDSA; of the keys that are trusted, and no other', async () => {
    for (const hash of ['sha256', 'sha384', 'sha512'])
      expect(await outcome(query({ algorithm: `${MORE}rsa-${hash}`, hash }))).toBe('taken');
    expect(await outcome(query({ algorithm: `${MORE}rsa-sha512`, hash: 'sha256' }))).toBe('message_signature_value');
    const key = samlKey('P-256');
    const elliptic = query({ key, algorithm: `${MORE}ecdsa-sha256` });
    expect(await outcome(elliptic, [house.stranger.certificate, key.certificate])).toBe('taken');
    expect(await outcome(elliptic)).toBe('message_signature_value');
    expect(await outcome(query({ key: house.stranger }))).toBe('message_signature_value');
    expect(await outcome(query(), ['none'])).toBe('signature_certificates');
  });

  it('a LogoutResponse likewise', async () => {
    const xml = logoutResponseXml(house.between);
    const open = async (text: string) =>
      said(await openLogoutResponse({ binding: 'redirect', query: text }, house.logout));
    expect(await open(redirected('SAMLResponse', xml, { key: house.idp.key }))).toBe('taken');
    expect(await open(redirected('SAMLResponse', xml))).toBe('message_signature');
    expect(await open(redirected('SAMLRequest', xml, { key: house.idp.key }))).toBe('query_message');
  });
});
