import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Browser } from '../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  redeem,
  refresh,
  signIn,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('a relying party signs a person in (OpenID Connect Core §3.1)', () => {
  let server: TestServer;
  let party: Party;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server);
  }, 180_000);
  afterAll(() => server?.close());

  it('sends the browser to hosted pages and back with a code that buys verified tokens and userinfo', async () => {
    const user = await makePerson(server);
    const browser = new Browser();
    const proof = pkce();
    const url = authorizationUrl(server, party, proof, { nonce: 'n-0S6_WzA2Mj' });

    const name = await browser.open(url);
    expect(name.html).toContain('Sign in');
    expect(name.html).toContain('Trip Planner');
    const page = await signIn(browser, url, user.email);
    expect(page.url).toMatch(/^https:\/\/rp\.example\/cb\?/);
    expect(new URL(page.url).searchParams.get('iss')).toBe(server.issuer);

    const { status, body } = await redeem(server, party, codeOf(page), proof);
    expect(status).toBe(200);
    const jwks = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
    const { payload, protectedHeader } = await jwtVerify(String(body.id_token), jwks, {
      issuer: server.issuer,
      audience: party.clientId,
    });
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({ sub: user.id, nonce: 'n-0S6_WzA2Mj', acr: 'urn:ostiary:acr:1fa', amr: ['pwd'] });

    const userinfo = await fetch(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(userinfo.status).toBe(200);
    expect(await userinfo.json()).toMatchObject({
      sub: user.id,
      email: user.email,
      email_verified: true,
      name: 'Maria Muster',
    });

    const introspected = await introspect(server, party, String(body.access_token));
    expect(introspected.body).toMatchObject({ active: true, sub: user.id });

    const next = await refresh(server, party, String(body.refresh_token));
    expect(next.status).toBe(200);
    expect(next.body.refresh_token).not.toBe(body.refresh_token);

    expect((await post(server, '/revoke', party, { token: String(next.body.refresh_token) })).status).toBe(200);
    expect((await introspect(server, party, String(next.body.access_token))).body).toEqual({ active: false });
  }, 180_000);
});
