import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../../support/api.js';
import { Browser, readForm } from '../../support/browser.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce, post } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('best current practice (RFC 9700)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const discovery = async () =>
    (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<string, string[]>;

  it('the password of a person is never a grant (§2.4)', async () => {
    expect((await discovery()).grant_types_supported).not.toContain('password');
    const token = await tokenWith(server, 'clients:write');
    const metadata = { redirect_uris: [party.redirectUri], grant_types: ['password'] };
    expect((await ask(server, token, 'post', '/clients', metadata)).status).toBe(422);
    const { body } = await post(server, '/token', party, { grant_type: 'password', username: email, password });
    expect(body.error).toBe('unsupported_grant_type');
  });

  it('a form with a password is answered with 303 and never with 307: it is posted nowhere else (§4.12)', async () => {
    const browser = new Browser();
    const first = await browser.open(authorizationUrl(server, party, pkce()));
    const page = await browser.submit(first, { username: email });
    const { action, values } = readForm(page);
    const body = new URLSearchParams(values as [string, string][]);
    body.set('username', email);
    body.set('password', password);
    const headers = { origin: new URL(server.issuer).origin };
    let response = await browser.request(new URL(action, page.url).href, { method: 'POST', body, headers });
    for (let hop = 0; hop < 8; hop += 1) {
      expect(response.status).toBe(303);
      const to = response.headers.get('location') ?? '';
      if (to.startsWith(party.redirectUri)) return;
      response = await browser.request(new URL(to, server.issuer).href);
    }
    throw new Error('never at the client');
  });

  it('no page may be framed, and none tells its address to others (§4.16, §4.2.4)', async () => {
    const browser = new Browser();
    for (const path of [
      authorizationUrl(server, party, pkce()),
      `${server.issuer}/logout`,
      `${server.issuer}/account`,
    ]) {
      const { headers } = await browser.open(path);
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('referrer-policy')).toMatch(/^(no-referrer|same-origin|strict-origin)$/);
    }
  });

  it('a response of the authorization endpoint is kept by no cache (§4.2.4)', async () => {
    const response = await fetch(authorizationUrl(server, party, pkce()), { redirect: 'manual' });
    expect(response.headers.get('cache-control')).toContain('no-store');
  });

  it('the authorization endpoint speaks to no script of another origin (§2.6)', async () => {
    const headers = { origin: 'https://spa.example' };
    const response = await fetch(authorizationUrl(server, party, pkce()), { redirect: 'manual', headers });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});
