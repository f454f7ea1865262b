// OAuth 2.0 alone, as GitHub speaks it: nothing is signed, an API says whose token it is.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import { UpstreamHouse } from '../support/upstream/house.js';
import type { Manners } from '../support/upstream/provider.js';

let house: UpstreamHouse;
let github: Connection;

beforeAll(async () => {
  house = await UpstreamHouse.open();
  github = await house.connectOAuth2();
}, 60_000);
afterAll(() => house?.close());
beforeEach(() => house.provider.behave());

const manners = (wrong: Manners) => Object.assign(house.provider.manners, wrong);
const around = (connection = github) => house.goAround({ prompt: 'login', max_age: 0 }, connection);

describe('somebody signs in at a provider of OAuth 2.0', () => {
  it('known by the member that the connection names, a number as it is written', async () => {
    const { identity } = await house.held(await around());
    expect(identity).toMatchObject({
      subject: '583231',
      attributes: {
        login: ['maria'],
        name: ['Maria Muster'],
        email: ['maria@upstream.example'],
        email_verified: ['true'],
      },
      tokens: { refresh_token: 'rt-of-maria' },
    });
    expect([identity.session, identity.authenticated_at]).toEqual([undefined, undefined]);
  });

  it('asked for with PKCE and state, and no word of OpenID Connect', async () => {
    const { request } = await house.leave({ prompt: 'login', max_age: 0, acr: ['one'] }, github);
    expect([...request.searchParams.keys()].sort()).toEqual([
      ...['client_id', 'code_challenge', 'code_challenge_method', 'redirect_uri', 'response_type', 'scope', 'state'],
    ]);
  });

  it('with the address that they call theirs where it was proved, never with one that anybody can type', async () => {
    manners({ userinfo: (body) => Object.assign(body, { email: 'ceo@acme.example', email_verified: true }) });
    expect((await house.held(await around())).identity.attributes.email).toEqual(['maria@upstream.example']);
    manners({ emails: (list) => Object.assign(list[1] ?? {}, { verified: false }) });
    const { attributes } = (await house.held(await around())).identity;
    expect([attributes.email, attributes.email_verified]).toEqual([undefined, undefined]);
  });

  it('whatever iss says, where nobody has said what it is; and as it says, where somebody has (RFC 9207)', async () => {
    manners({ response: (answer) => answer.set('iss', 'https://elsewhere.example') });
    expect((await around()).status).toBe(303);
    const named = await house.connectOAuth2({ issuer: house.provider.issuer });
    expect((await house.refused(() => around(named))).failed).toEqual(['response_issuer']);
    house.provider.behave();
    expect((await around(named)).status).toBe(303);
  });

  it('an ID token that nobody asked for is not read', async () => {
    manners({ token: (body) => Object.assign(body, { id_token: 'a.b.c' }) });
    expect((await around()).status).toBe(303);
  });

  it.each<[string, () => Manners, string]>([
    [
      'an error in place of a token, as 200 (GitHub)',
      () => ({
        token: (body) => {
          delete body.access_token;
          body.error = 'bad_verification_code';
        },
      }),
      'token_response',
    ],
    ['no access token', () => ({ token: (body) => delete body.access_token }), 'token_response'],
    ['a code that it did not give', () => ({ response: (answer) => answer.set('code', 'made-up') }), 'token_response'],
    ['nobody', () => ({ userinfo: (body) => delete body.id }), 'userinfo_subject'],
    [
      'a number that two may have',
      () => ({ userinfo: (body) => Object.assign(body, { id: 2 ** 53 }) }),
      'userinfo_subject',
    ],
    ['a list', () => ({ userinfo: (body) => Object.assign(body, { id: [1] }) }), 'userinfo_subject'],
    ['addresses that are none', () => ({ emails: (list) => list.push({ email: 7 }) }), 'emails_response'],
    ['a profile that fails', () => ({ at: { '/user': 500 } }), 'userinfo_response'],
    ['a profile without end', () => ({ at: { '/user': 'huge' } }), 'userinfo_response'],
    ['addresses that are somewhere else', () => ({ at: { '/user/emails': 'redirect' } }), 'emails_response'],
  ])('%s: nobody', async (_what, mannersOf, check) => {
    manners(mannersOf());
    expect((await house.refused(() => around())).failed).toEqual([check]);
    house.provider.behave();
    expect((await around()).status).toBe(303);
  });
});
