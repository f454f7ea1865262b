import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import {
  addressOf,
  codeFor,
  type FapiParty,
  jwt,
  makeFapiParty,
  nowSeconds,
  push,
  requestObjectClaims,
  requestOf,
  send,
} from '../../support/fapi.js';
import { makePerson, pkce, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

let server: TestServer;
let party: FapiParty;
let other: FapiParty;
let email: string;
const browser = new Browser();

beforeAll(async () => {
  server = await startServer();
  party = await makeFapiParty(server);
  other = await makeFapiParty(server);
  ({ email } = await makePerson(server));
}, 180_000);
afterAll(() => server?.close());

describe('a pushed request of a client of the profile (FAPI 2.0 §5.3.2.2)', () => {
  it.each<[string, string, () => Promise<Record<string, string>>]>([
    [
      'without PKCE (§5.3.2.2 no. 5)',
      'invalid_request',
      async () => without('code_challenge', 'code_challenge_method'),
    ],
    [
      'with PKCE plain (§5.3.2.2 no. 5)',
      'invalid_request',
      async () => ({ ...parameters(), code_challenge_method: 'plain' }),
    ],
    ['without a redirect_uri (§5.3.2.2 no. 6)', 'invalid_request', async () => without('redirect_uri')],
    [
      'with another response_type than code (§5.3.2.2 no. 1)',
      'invalid_request',
      async () => ({ ...parameters(), response_type: 'none' }),
    ],
    [
      'in a request object of alg none (§5.4.1)',
      'invalid_request_object',
      async () => ({ request: await jwt(requestObjectClaims(server, party), {}) }),
    ],
    [
      'in a request object of alg RS256 (§5.4.1)',
      'invalid_request_object',
      async () => ({ request: await jwt(requestObjectClaims(server, party), { alg: 'RS256' }, party.rsa) }),
    ],
  ])('is refused where it comes %s (§5.3.2.2, §5.4.1)', async (_name, error, attack) => {
    const { status, body } = await send(server, party, '/par', await attack(), { proof: null });
    expect([status, body.error]).toEqual([400, error]);
  });

  const parameters = () => requestOf(party, pkce());
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(parameters()).filter(([name]) => !names.includes(name)));

  it('is refused without client authentication (§5.3.2.2 no. 4)', async () => {
    const response = await fetch(`${server.issuer}/par`, { method: 'POST', body: new URLSearchParams(parameters()) });
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([401, 'invalid_client']);
  });

  it('is the only way to ask for authorization (§5.3.2.2 no. 3)', async () => {
    const page = await browser.open(`${server.issuer}/authorize?${new URLSearchParams(parameters())}`);
    expect(new URL(page.url).searchParams.get('error')).toBe('invalid_request');
  });

  it('is answered with one code, however often its request_uri is shown (RFC 9126 §4)', async () => {
    const { requestUri } = await codeFor(server, party, email, browser);
    const page = await signIn(browser, addressOf(server, party, requestUri), email);
    expect([page.status, new URL(page.url).origin]).toEqual([400, new URL(server.issuer).origin]);
  });

  it('is not answered after its expires_in (RFC 9126 §2.2, §4)', async () => {
    const claims = { ...requestObjectClaims(server, party), exp: nowSeconds() + 2 };
    const request = await jwt(claims, { alg: 'ES256' }, party.key.privateKey);
    const { body } = await send(server, party, '/par', { request }, { proof: null });
    expect(Number(body.expires_in)).toBeLessThanOrEqual(2);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const page = await signIn(browser, addressOf(server, party, String(body.request_uri)), email);
    expect([page.status, new URL(page.url).pathname]).toEqual([400, '/authorize']);
  });

  it('is not answered where another client shows its request_uri (RFC 9126 §2.2)', async () => {
    const { body } = await push(server, party, pkce());
    const page = await browser.open(addressOf(server, other, String(body.request_uri)));
    expect(new URL(page.url).searchParams.get('code')).toBeNull();
  });
});
