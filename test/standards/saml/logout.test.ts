import { beforeAll, describe, expect, it } from '@jest/globals';
import { openLogoutRequest, openLogoutResponse } from '../../../src/saml/gate-logout.js';
import { byPost, GateHouse, said } from '../../support/saml/gate-house.js';
import {
  type Changed,
  instant,
  type LogoutSaid,
  logoutRequestXml,
  logoutResponseXml,
  type ResponseSaid,
  SUCCESS,
} from '../../support/saml/messages.js';
import { signed } from '../../support/saml/sign.js';

const STATUS = 'urn:oasis:names:tc:SAML:2.0:status:';
const NAME = '<saml:NameID>mallory</saml:NameID>';
const ENCRYPTED = '<saml:EncryptedID><a xmlns="urn:x"/></saml:EncryptedID>';

describe('a LogoutRequest (SAML Core §3.7.1, SAML Profiles §4.4.4.1)', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const at = (seconds: number) => instant(house.now, seconds);
  const open = (changed: Changed<LogoutSaid> = {}) =>
    openLogoutRequest(
      byPost(signed(logoutRequestXml(house.between, changed), 'LogoutRequest', house.idp.key)),
      house.logout,
    );

  it.each<[rule: string, refused: () => Changed<LogoutSaid>, reason: string, taken?: () => Changed<LogoutSaid>]>([
    ['Version', () => ({ version: '1.1' }), 'version'],
    ['Issuer', () => ({ issuer: 'https://idp.example/other' }), 'issuer'],
    ['no Issuer', () => ({ issuer: null }), 'issuer'],
    ['Destination', () => ({ destination: 'https://sp.example/other' }), 'destination'],
    ['no Destination', () => ({ destination: null }), 'destination'],
    [
      'IssueInstant in the future',
      () => ({ issue_instant: at(90) }),
      'issue_instant',
      () => ({ issue_instant: at(50) }),
    ],
    [
      'IssueInstant long ago',
      () => ({ issue_instant: at(-700) }),
      'issue_instant_age',
      () => ({ issue_instant: at(-600) }),
    ],
    [
      'NotOnOrAfter (CVE-2023-40178)',
      () => ({ not_on_or_after: at(-61) }),
      'not_on_or_after',
      () => ({ not_on_or_after: null }),
    ],
    [
      'NotOnOrAfter that is no time',
      () => ({ not_on_or_after: 'never' }),
      'not_on_or_after',
      () => ({ not_on_or_after: at(-58) }),
    ],
    ['no NameID', () => ({ name_id: null }), 'name_id'],
    ['two NameIDs', () => ({ inside: NAME }), 'name_id'],
    ['a NameID and an encrypted one', () => ({ inside: ENCRYPTED }), 'name_id'],
    ['an encrypted one alone, which is not taken here', () => ({ name_id: null, inside: ENCRYPTED }), 'name_id'],
    ['a session without a name', () => ({ session_index: [''] }), 'session_index', () => ({ session_index: [] })],
    [
      'sessions without number',
      () => ({ session_index: Array(51).fill('a') }),
      'session_index',
      () => ({ session_index: ['a', 'b'] }),
    ],
  ])('%s', async (_, refused, reason, taken = () => ({})) => {
    expect(said(await open(refused()))).toBe(reason);
    expect(said(await open(taken()))).toBe('taken');
  });

  it('yields whose sessions end, and which; an ID of which it is remembered until when', async () => {
    const opened = await open({ id: '_logout1', session_index: ['_a', '_b'] });
    expect(opened).toMatchObject({
      ok: true,
      value: {
        issuer: house.idp.entityId,
        id: '_logout1',
        subject: { value: 'alice-4711' },
        session_index: ['_a', '_b'],
      },
    });
    expect(opened.ok && opened.value.not_on_or_after).toBe(Math.floor(house.now.getTime() / 1000) + 661);
  });

  it('of nobody but the identity provider of that connection, and not of itself', async () => {
    const xml = logoutRequestXml(house.between);
    expect(said(await openLogoutRequest(byPost(signed(xml, 'LogoutRequest', house.stranger)), house.logout))).toBe(
      'message_signature_value',
    );
    expect(said(await openLogoutRequest(byPost(xml), house.logout))).toBe('message_signature');
    const response = signed(logoutResponseXml(house.between), 'LogoutResponse', house.idp.key);
    expect(said(await openLogoutRequest(byPost(response), house.logout))).toBe('message_type');
  });
});

describe('a LogoutResponse (SAML Core §3.7.2)', () => {
  let house: GateHouse;
  beforeAll(() => {
    house = new GateHouse();
  });
  const open = (changed: Changed<Omit<ResponseSaid, 'assertions'>> = {}) =>
    openLogoutResponse(
      byPost(signed(logoutResponseXml(house.between, changed), 'LogoutResponse', house.idp.key)),
      house.logout,
    );

  it.each<[string, Changed<Omit<ResponseSaid, 'assertions'>>, string]>([
    ['Version', { version: '1.1' }, 'version'],
    ['Issuer', { issuer: 'https://idp.example/other' }, 'issuer'],
    ['no Issuer', { issuer: null }, 'issuer'],
    ['Destination', { destination: 'https://sp.example/other' }, 'destination'],
    ['no Destination', { destination: null }, 'destination'],
    ['InResponseTo', { in_response_to: '_other' }, 'in_response_to'],
    ['no InResponseTo', { in_response_to: null }, 'in_response_to'],
    ['Status', { status: [`${STATUS}Requester`] }, 'status'],
    ['IssueInstant', { issue_instant: '2001-01-01T00:00:00Z' }, 'issue_instant_age'],
  ])('%s', async (_, changed, reason) => {
    expect(said(await open(changed))).toBe(reason);
    expect(said(await open())).toBe('taken');
  });

  it('says where others were not reached', async () => {
    const status = [SUCCESS, `${STATUS}PartialLogout`];
    expect(await open({ status })).toMatchObject({ ok: true, value: { status, in_response_to: house.to.request_id } });
  });
});
