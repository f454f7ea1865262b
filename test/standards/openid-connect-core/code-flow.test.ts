import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { Browser } from '../../support/browser.js';
import { silently } from '../../support/journey.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  redeem,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('the authorization code flow (OpenID Connect Core §3.1)', () => {
  let server: TestServer;
  let party: Party;
  let person: { id: string; email: string };
  const browser = new Browser();

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    person = await makePerson(server);
  }, 180_000);
  afterAll(() => server?.close());

  const tokens = (more: Record<string, string> = {}, client = party) =>
    tokensFor(server, client, person.email, more, browser);
  async function userinfo(token: unknown, method = 'GET') {
    const response = await fetch(`${server.issuer}/userinfo`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.json() };
  }

  it('the ID token is signed, for the client, about the person, with times, session class and the nonce (§2, §3.1.3.7)', async () => {
    const { id_token } = await tokens({ nonce: 'n-0S6_WzA2Mj' });
    const { payload, protectedHeader } = await jwtVerify(
      String(id_token),
      createRemoteJWKSet(new URL(`${server.issuer}/jwks`)),
    );
    const now = Math.floor(Date.now() / 1000);
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: expect.any(String) });
    expect(payload).toMatchObject({ iss: server.issuer, aud: party.clientId, sub: person.id, nonce: 'n-0S6_WzA2Mj' });
    expect(payload).toMatchObject({ auth_time: expect.any(Number), acr: expect.any(String), amr: ['pwd'] });
    expect(Math.abs(Number(payload.iat) - now)).toBeLessThan(30);
    expect(Number(payload.exp)).toBeGreaterThan(now);
  });

  it('at_hash, where the ID token says one, is of the access token beside it (§3.1.3.6)', async () => {
    const { id_token, access_token } = await tokens();
    const half = createHash('sha256').update(String(access_token)).digest().subarray(0, 16).toString('base64url');
    expect(decodeJwt(String(id_token)).at_hash ?? half).toBe(half);
  });

  it('a nonce that was not sent is not made up (§3.1.3.7 no. 11)', async () => {
    expect(decodeJwt(String((await tokens({ nonce: '' })).id_token))).not.toHaveProperty('nonce');
  });

  it('without the scope openid there is no ID token, and no UserInfo (§3.1.2.1, §5.3)', async () => {
    const { id_token, access_token } = await tokens({ scope: 'profile', nonce: '' });
    expect(id_token).toBeUndefined();
    expect((await userinfo(access_token)).status).toBe(403);
  });

  it('id_token_hint of another person than the one who is signed in is login_required with prompt=none (§3.1.2.1)', async () => {
    const { id_token } = await tokens();
    expect((await silently(server, party, browser, { id_token_hint: String(id_token) })).has('code')).toBe(true);
    const stranger = await makePerson(server);
    const theirs = await tokensFor(server, party, stranger.email, {}, new Browser());
    const answer = await silently(server, party, browser, { id_token_hint: String(theirs.id_token) });
    expect(answer.get('error')).toBe('login_required');
  });

  it('UserInfo answers GET and POST with the same subject as the ID token (§5.3.1, §5.3.2)', async () => {
    const { access_token, id_token } = await tokens();
    for (const method of ['GET', 'POST']) {
      const { status, type, body } = await userinfo(access_token, method);
      expect([method, status, type?.startsWith('application/json')]).toEqual([method, 200, true]);
      expect(body).toMatchObject({ sub: decodeJwt(String(id_token)).sub, email: person.email, name: 'Maria Muster' });
    }
  });

  it('UserInfo tells what the scope allows and nothing more (§5.4)', async () => {
    expect((await userinfo((await tokens({ scope: 'openid' })).access_token)).body).toEqual({ sub: person.id });
    const { body } = await userinfo((await tokens({ scope: 'openid email' })).access_token);
    expect(body).toEqual({ sub: person.id, email: person.email, email_verified: true });
  });

  it('UserInfo is signed for a client that has registered so, for it alone (§5.3.2)', async () => {
    const signed = await makeClient(server, { consent_policy: 'implicit', userinfo_signed_response_alg: 'ES256' });
    const { access_token } = await tokens({}, signed);
    const headers = { authorization: `Bearer ${access_token}` };
    const response = await fetch(`${server.issuer}/userinfo`, { headers });
    expect(response.headers.get('content-type')).toMatch(/^application\/jwt/);
    const { payload } = await jwtVerify(await response.text(), createRemoteJWKSet(new URL(`${server.issuer}/jwks`)), {
      issuer: server.issuer,
      audience: signed.clientId,
    });
    expect(payload).toMatchObject({ sub: person.id, email: person.email });
  });

  it('pairwise subjects: one for all clients of a sector, another elsewhere, the same at UserInfo (§8.1)', async () => {
    const at = (host: string) =>
      makeClient(server, {
        subject_type: 'pairwise',
        consent_policy: 'implicit',
        redirect_uris: [`https://${host}/cb`],
      }).then((made) => ({ ...made, redirectUri: `https://${host}/cb` }));
    const [one, two, elsewhere] = [await at('one.example'), await at('one.example'), await at('two.example')];
    const subjects: unknown[] = [];
    for (const client of [one, two, elsewhere]) {
      const proof = pkce();
      const page = await signIn(browser, authorizationUrl(server, client, proof), person.email);
      const { body } = await redeem(server, client, codeOf(page), proof);
      const { sub } = decodeJwt(String(body.id_token));
      expect((await userinfo(body.access_token)).body).toMatchObject({ sub });
      subjects.push(sub);
    }
    expect(subjects[0]).toBe(subjects[1]);
    expect(new Set([...subjects, person.id]).size).toBe(3);
  });
});
