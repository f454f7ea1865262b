import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const app = { application_type: 'native', token_endpoint_auth_method: 'none' };
const scheme = 'com.example.app:/cb';

describe('a native application (RFC 8252)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    const redirect_uris = ['http://127.0.0.1/cb', 'http://[::1]/cb', scheme, 'https://app.example/cb'];
    party = await makeClient(server, { ...app, redirect_uris });
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  /** @returns whether the request is taken: it goes on to the pages. */
  const isTaken = async (client: Party, redirect_uri: string) => {
    const url = authorizationUrl(server, client, pkce(), { redirect_uri });
    const response = await fetch(url, { redirect: 'manual' });
    const to = response.headers.get('location') ?? '';
    expect(to.startsWith(redirect_uri)).toBe(false);
    return response.status === 303;
  };

  it('gets any port of the loopback address that it has registered, IPv4 and IPv6 (§7.3, §8.3)', async () => {
    for (const uri of ['http://127.0.0.1/cb', 'http://127.0.0.1:1234/cb', 'http://[::1]:65535/cb'])
      expect([uri, await isTaken(party, uri)]).toEqual([uri, true]);
    const redirect_uri = 'http://127.0.0.1:1234/cb';
    const page = await signIn(new Browser(), authorizationUrl(server, party, pkce(), { redirect_uri }), email);
    expect(page.url).toMatch(/^http:\/\/127\.0\.0\.1:1234\/cb\?code=/);
  });

  it('gets a private-use scheme of its own domain, and an https address that it claims, exactly (§7.1, §7.2)', async () => {
    for (const uri of [scheme, 'https://app.example/cb']) expect([uri, await isTaken(party, uri)]).toEqual([uri, true]);
    for (const uri of ['com.example.app:/cb/x', 'com.example.other:/cb', 'https://app.example:8443/cb'])
      expect([uri, await isTaken(party, uri)]).toEqual([uri, false]);
  });

  it('registers no scheme without a dot, none that browsers give a meaning, and no http elsewhere (§7.1, §8.4)', async () => {
    for (const uri of ['app:/cb', 'myapp://cb', 'javascript:alert(1)', 'file:///cb', 'http://app.example/cb'])
      await expect(makeClient(server, { ...app, redirect_uris: [uri] })).rejects.toMatchObject({ status: 422 });
  });

  it('is what it has registered as: a web application has no scheme of its own and no other port (§8.4)', async () => {
    await expect(makeClient(server, { redirect_uris: [scheme] })).rejects.toMatchObject({ status: 422 });
    const web = await makeClient(server, { redirect_uris: ['http://127.0.0.1:1234/cb'] });
    expect(await isTaken(web, 'http://127.0.0.1:1234/cb')).toBe(true);
    expect(await isTaken(web, 'http://127.0.0.1:4321/cb')).toBe(false);
  });

  it('has no secret to be believed: it is a public client with PKCE (§8.1, §8.5)', async () => {
    const url = authorizationUrl(server, party, pkce(), { redirect_uri: scheme, code_challenge: '' });
    const response = await fetch(url, { redirect: 'manual' });
    expect(response.headers.get('location')).toMatch(/^com\.example\.app:\/cb\?.*error=invalid_request/);
  });
});
