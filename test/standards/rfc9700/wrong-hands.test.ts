import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { api } from '../../support/attack.js';
import { Browser } from '../../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('tokens and requests in wrong hands (RFC 9700 §4)', () => {
  let server: TestServer;
  let party: Party;
  let other: Party;
  let email: string;
  const jwtResource = 'https://api.example/jwt';

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    other = await makeClient(server, { consent_policy: 'implicit' });
    ({ email } = await makePerson(server));
    await server.inside(({ resources }) =>
      resources.create({
        identifier: jwtResource,
        name: 'JWT',
        scopes: [{ name: 'read' }],
        access_token_format: 'jwt',
      } as never),
    );
  }, 180_000);
  afterAll(() => server?.close());

  async function code(client = party, more: Record<string, string> = {}) {
    const proof = pkce();
    const page = await signIn(new Browser(), authorizationUrl(server, client, proof, more), email);
    return { proof, code: codeOf(page) };
  }

  describe('an access token in JWT form (RFC 9068)', () => {
    const jwt = async () => {
      const { access_token } = await tokensFor(server, party, email, { scope: 'openid read', resource: jwtResource });
      expect(access_token).toMatch(/^eyJ/);
      return String(access_token);
    };

    it('opens neither userinfo nor the management API', async () => {
      const token = await jwt();
      const userinfo = await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
      expect(userinfo.status).toBe(401);
      expect((await api(server, token, 'GET', '/users')).status).toBe(401);
    });

    it('is no id_token_hint and no client assertion', async () => {
      const token = await jwt();
      const url = authorizationUrl(server, party, pkce(), { id_token_hint: token, prompt: 'none' });
      const hinted = await fetch(url, { redirect: 'manual' });
      expect(hinted.headers.get('location')).toContain('error=invalid_request');
      const out = await fetch(`${server.issuer}/logout?id_token_hint=${token}`, { redirect: 'manual' });
      expect(out.status).toBe(400);
    });
  });

  it('an id_token opens nothing', async () => {
    const { id_token } = await tokensFor(server, party, email);
    const token = String(id_token);
    expect((await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(
      401,
    );
    expect((await api(server, token, 'GET', '/users')).status).toBe(401);
    expect((await introspect(server, party, token)).body).toMatchObject({ active: false });
  });

  it('a refresh token of a public client bound to a key serves no other key, in the grace or outside it (RFC 9449 §5)', async () => {
    const spa = await makeClient(server, { token_endpoint_auth_method: 'none', consent_policy: 'implicit' });
    const [mine, foreign] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
    const proofOf = async (pair: typeof mine) =>
      new SignJWT({ htm: 'POST', htu: `${server.issuer}/token`, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(pair.publicKey) })
        .setIssuedAt()
        .sign(pair.privateKey);
    const send = async (form: Record<string, string>, pair?: typeof mine) => {
      const response = await fetch(`${server.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: spa.clientId, ...form }),
        headers: pair ? { dpop: await proofOf(pair) } : {},
      });
      return { status: response.status, body: (await response.json()) as Record<string, string> };
    };
    const got = await code(spa);
    const form = { code: got.code, redirect_uri: spa.redirectUri, code_verifier: got.proof.verifier };
    const first = await send({ grant_type: 'authorization_code', ...form }, mine);
    expect(first.body.token_type).toBe('DPoP');
    const grant = { grant_type: 'refresh_token', refresh_token: String(first.body.refresh_token) };
    for (const pair of [undefined, foreign]) expect((await send(grant, pair)).status).toBe(400);
    const second = await send(grant, mine);
    expect(second.status).toBe(200);
    for (const pair of [undefined, foreign]) expect((await send(grant, pair)).status).toBe(400);
    expect((await send(grant, mine)).body).toEqual(second.body);
    const stolen = await fetch(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${second.body.access_token}` },
    });
    expect(stolen.status).toBe(401);
  });

  describe('a pushed request', () => {
    const push = async (client: Party, more: Record<string, string> = {}) =>
      post(server, '/par', client, {
        client_id: client.clientId,
        response_type: 'code',
        redirect_uri: client.redirectUri,
        scope: 'openid',
        code_challenge: pkce().challenge,
        code_challenge_method: 'S256',
        ...more,
      });
    const open = (client: Party, requestUri: string, more: Record<string, string> = {}) =>
      fetch(
        `${server.issuer}/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: requestUri, ...more })}`,
        {
          redirect: 'manual',
        },
      );

    it('serves no other client (RFC 9126 §2.2)', async () => {
      const { body } = await push(party);
      const answer = await open(other, String(body.request_uri));
      expect(answer.headers.get('location') ?? '').not.toContain('/interaction/');
    });

    it('is not changed by what stands beside it (RFC 9101 §6.3)', async () => {
      const { body } = await push(party, { prompt: 'none' });
      const answer = await open(party, String(body.request_uri), {
        redirect_uri: 'https://evil.example/',
        scope: 'openid email',
      });
      expect(answer.headers.get('location') ?? '').not.toContain('evil.example');
    });
  });
});
