import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Browser } from '../../support/browser.js';
import { giveNameAndPassword, isSignedIn, nameOf } from '../../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  redeem,
  signIn,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const [one, mfa] = ['urn:ostiary:acr:1fa', 'urn:ostiary:acr:mfa'];
const essential = (member: object) => ({
  claims: JSON.stringify({ id_token: { acr: { essential: true, ...member } } }),
});

describe('classes of authentication (OpenID Connect Core §5.5.1.1)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    email = (await makePerson(server)).email;
    browser = new Browser();
  });

  /** Through the pages: the browser gives up after fifteen redirects, so a loop is an error. */
  const go = async (more: Record<string, string>) => {
    const proof = pkce();
    const page = await signIn(browser, authorizationUrl(server, party, proof, more), email);
    const answer = new URL(page.url).searchParams;
    if (!answer.has('code')) return { error: answer.get('error') ?? nameOf(page) };
    const { body } = await redeem(server, party, codeOf(page), proof);
    const { acr, amr } = decodeJwt(String(body.id_token));
    return { acr, amr };
  };
  const asked = [
    ['acr_values', { acr_values: one }],
    ['acr_values with a stronger one first', { acr_values: `${mfa} ${one}` }],
    ['an essential claim', essential({ value: one })],
    ['an essential claim with several values', essential({ values: [mfa, one] })],
  ] as [string, Record<string, string>][];

  it.each(asked)('what a password reaches is met by it: %s', async (_what, more) => {
    expect(await go(more)).toEqual({ acr: one, amr: ['pwd'] });
    expect(await go(more)).toEqual({ acr: one, amr: ['pwd'] });
  });

  it('what is essential and could be reached is set up, signed in before or not', async () => {
    for (const more of [essential({ value: mfa }), essential({ values: [mfa, 'urn:ostiary:acr:phr'] })])
      expect(await go(more)).toEqual({ error: 'enrolment' });
    expect(await go({})).toEqual({ acr: one, amr: ['pwd'] });
    expect(await go(essential({ value: mfa }))).toEqual({ error: 'enrolment' });
    expect(await isSignedIn(server, party, browser)).toBe(true);
  });

  it('what is essential and cannot be reached ends as unmet_authentication_requirements, signed in before or not', async () => {
    const phrh = 'urn:ostiary:acr:phrh';
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { authentication: { second_factors: ['totp'] } } } as never),
    );
    for (const more of [essential({ value: phrh }), essential({ values: [phrh, 'urn:example:unknown'] })])
      expect(await go(more)).toEqual({ error: 'unmet_authentication_requirements' });
    expect(await go({})).toEqual({ acr: one, amr: ['pwd'] });
    expect(await go(essential({ value: phrh }))).toEqual({ error: 'unmet_authentication_requirements' });
    expect(await isSignedIn(server, party, browser)).toBe(true);
  });

  it.each([mfa, 'urn:example:unknown', `${mfa} urn:ostiary:acr:phrh`])(
    'what is voluntary and out of reach is answered with what was reached: %s',
    async (acr_values) => {
      expect(await go({ acr_values })).toEqual({ acr: one, amr: ['pwd'] });
      expect(await go({ acr_values })).toEqual({ acr: one, amr: ['pwd'] });
    },
  );

  it('an essential class nobody knows is out of reach', async () => {
    expect(await go(essential({ value: 'urn:example:unknown' }))).toEqual({
      error: 'unmet_authentication_requirements',
    });
  });

  it.each(['x', 1, null, { a: 1 }])('values that are no list are refused: %j', async (values) => {
    const page = await browser.open(authorizationUrl(server, party, pkce(), essential({ values })));
    const end = nameOf(page) === 'identifier' ? await giveNameAndPassword(browser, page, email) : page;
    expect(new URL(end.url).searchParams.get('error')).toBe('invalid_request');
  });
});
