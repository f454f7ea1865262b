import { beforeAll, describe, expect, it } from '@jest/globals';
import { type AuthnRequestExpected, openAuthnRequest } from '../../../src/saml/gate-authn-request.js';
import { byPost, GateHouse, said } from '../../support/saml/gate-house.js';
import { type AuthnRequestSaid, authnRequestXml, type Changed, instant } from '../../support/saml/messages.js';
import { redirected, signed } from '../../support/saml/sign.js';

const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
const ARTIFACT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact';
const SUBJECT = '<saml:Subject><saml:NameID>alice</saml:NameID></saml:Subject>';

describe('an AuthnRequest (SAML Core §3.4.1, SAML Profiles §4.1.4.1)', () => {
  let house: GateHouse;
  let expected: AuthnRequestExpected;
  const first = { index: 0, location: 'https://app.example/acs', binding: POST };
  const second = { index: 1, location: 'https://app.example/other', binding: POST };
  beforeAll(() => {
    house = new GateHouse();
    expected = { ...house.authnRequest, sp: { ...house.authnRequest.sp, consumer_services: [first, second] } };
  });
  const at = (seconds: number) => instant(house.now, seconds);
  const open = (changed: Changed<AuthnRequestSaid> = {}) =>
    openAuthnRequest(byPost(signed(authnRequestXml(house.between, changed), 'AuthnRequest', house.idp.key)), expected);

  it.each<
    [rule: string, refused: () => Changed<AuthnRequestSaid>, reason: string, taken?: () => Changed<AuthnRequestSaid>]
  >([
    ['Version', () => ({ version: '1.1' }), 'version'],
    ['Issuer', () => ({ issuer: 'https://other.example' }), 'issuer'],
    ['no Issuer', () => ({ issuer: null }), 'issuer'],
    ['Destination', () => ({ destination: 'https://other.example/sso' }), 'destination'],
    ['no Destination, though signed', () => ({ destination: null }), 'destination'],
    ['IssueInstant in the future', () => ({ issue_instant: at(90) }), 'issue_instant'],
    ['IssueInstant long ago', () => ({ issue_instant: at(-700) }), 'issue_instant_age'],
    [
      'an answer to where nobody has registered anything',
      () => ({ acs_url: 'https://attacker.example/acs' }),
      'consumer_service',
      () => ({ acs_url: first.location }),
    ],
    [
      'an answer to what only begins like it',
      () => ({ acs_url: `${first.location}/../x` }),
      'consumer_service',
      () => ({ acs_url: second.location }),
    ],
    ['an index that nobody has registered', () => ({ acs_index: '2' }), 'consumer_service', () => ({ acs_index: '1' })],
    ['an address and an index', () => ({ acs_index: '0', acs_url: first.location }), 'consumer_service'],
    [
      'another binding',
      () => ({ acs_url: first.location, protocol_binding: ARTIFACT }),
      'consumer_service',
      () => ({ acs_url: first.location, protocol_binding: POST }),
    ],
    ['a person whom it names', () => ({ inside: SUBJECT }), 'authn_request_subject'],
    [
      'ForceAuthn that is neither true nor false',
      () => ({ force_authn: 'yes' }),
      'flags',
      () => ({ force_authn: '1' }),
    ],
    ['IsPassive that is neither true nor false', () => ({ is_passive: '' }), 'flags', () => ({ is_passive: '0' })],
  ])('%s', async (_, refused, reason, taken = () => ({})) => {
    expect(said(await open(refused()))).toBe(reason);
    expect(said(await open(taken()))).toBe('taken');
  });

  it('yields where the answer goes and what is asked for', async () => {
    const inside = [
      '<samlp:NameIDPolicy Format="urn:x"/>',
      '<samlp:RequestedAuthnContext><saml:AuthnContextClassRef>urn:y</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>',
    ].join('');
    expect(await open({ acs_index: '1', force_authn: 'true', inside })).toMatchObject({
      ok: true,
      value: {
        issuer: house.idp.entityId,
        consumer_service: second,
        force_authn: true,
        is_passive: false,
        name_id_format: 'urn:x',
        authn_context: ['urn:y'],
      },
    });
    expect(await open()).toMatchObject({ ok: true, value: { consumer_service: first } });
  });

  it('is signed, unless that was agreed otherwise; and where it is signed all the same, rightly', async () => {
    const xml = authnRequestXml(house.between);
    const unsigned = { ...expected, signed: false };
    const byAddress = (key = house.idp.key) => redirected('SAMLRequest', xml, { key });
    for (const [sent, strict, lax] of [
      [byPost(xml), 'message_signature', 'taken'],
      [byPost(signed(xml, 'AuthnRequest', house.idp.key)), 'taken', 'taken'],
      [byPost(signed(xml, 'AuthnRequest', house.stranger)), 'message_signature_value', 'message_signature_value'],
      [{ binding: 'redirect', query: redirected('SAMLRequest', xml) }, 'message_signature', 'taken'],
      [{ binding: 'redirect', query: byAddress() }, 'taken', 'taken'],
      [{ binding: 'redirect', query: byAddress(house.stranger) }, 'message_signature_value', 'message_signature_value'],
    ] as const) {
      expect(said(await openAuthnRequest(sent, expected))).toBe(strict);
      expect(said(await openAuthnRequest(sent, unsigned))).toBe(lax);
    }
  });
});
