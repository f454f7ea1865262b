import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { api, makeMachine } from '../support/attack.js';
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
  tokensFor,
} from '../support/party.js';
import { assertionOf, dpopKey } from '../support/proofs.js';
import { startServer, type TestServer } from '../support/server.js';

describe('codes and tokens in wrong hands (RFC 9700 §4, RFC 6749 §10)', () => {
  let server: TestServer;
  let party: Party;
  let other: Party;
  let email: string;
  const identifier = 'https://api.example/orders';
  const jwtResource = 'https://api.example/jwt';

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    other = await makeClient(server, { consent_policy: 'implicit' });
    ({ email } = await makePerson(server));
    await server.inside(async ({ resources }) => {
      const scopes = [{ name: 'read' }, { name: 'write' }];
      await resources.create({ identifier, name: 'Orders', scopes } as never);
      await resources.create({ identifier: jwtResource, name: 'JWT', scopes, access_token_format: 'jwt' } as never);
    });
  }, 180_000);
  afterAll(() => server?.close());

  async function code(client = party, more: Record<string, string> = {}) {
    const proof = pkce();
    const page = await signIn(new Browser(), authorizationUrl(server, client, proof, more), email);
    return { proof, code: codeOf(page) };
  }

  describe('an authorization code', () => {
    it.each([
      ['another client', async (c: string, p: ReturnType<typeof pkce>) => redeem(server, other, c, p)],
      [
        'another redirect_uri',
        async (c: string, p: ReturnType<typeof pkce>) =>
          redeem(server, { ...party, redirectUri: 'https://rp.example/other' }, c, p),
      ],
      ['another verifier', async (c: string) => redeem(server, party, c, pkce())],
      [
        'a wrong secret',
        async (c: string, p: ReturnType<typeof pkce>) =>
          redeem(server, { ...party, clientSecret: 'x'.repeat(43) }, c, p),
      ],
    ])('is neither redeemed nor burnt by %s (RFC 6749 §4.1.3, RFC 7636 §4.6)', async (_name, attack) => {
      const { code: value, proof } = await code();
      const { status, body } = await attack(value, proof);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(['invalid_grant', 'invalid_client']).toContain(body.error);
      expect((await redeem(server, party, value, proof)).status).toBe(200);
    });

    it('redeemed twice ends what the first redemption gave (RFC 6749 §4.1.2)', async () => {
      const { code: value, proof } = await code();
      const first = await redeem(server, party, value, proof);
      expect((await redeem(server, party, value, proof)).body.error).toBe('invalid_grant');
      expect((await introspect(server, party, String(first.body.access_token))).body).toEqual({ active: false });
      expect((await refresh(server, party, String(first.body.refresh_token))).body.error).toBe('invalid_grant');
    });

    it('is no access token, refresh token, request_uri or session', async () => {
      const { code: value } = await code();
      expect((await fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${value}` } })).status).toBe(
        401,
      );
      expect((await refresh(server, party, value)).body.error).toBe('invalid_grant');
      expect((await introspect(server, party, value)).body).toEqual({ active: false });
      expect((await api(server, value, 'GET', '/users')).status).toBe(401);
    });
  });

  describe('a refresh token', () => {
    it('is neither used nor burnt by another client, also within the grace of a rotation', async () => {
      const { refresh_token: token = '' } = await tokensFor(server, party, email);
      expect((await refresh(server, other, token)).body.error).toBe('invalid_grant');
      const next = await refresh(server, party, token);
      expect(next.status).toBe(200);
      const stolen = await refresh(server, other, token);
      expect([stolen.status, stolen.body.error]).toEqual([400, 'invalid_grant']);
      expect(JSON.stringify(stolen.body)).not.toContain(next.body.refresh_token);
      expect((await refresh(server, party, token)).body).toEqual(next.body);
      expect((await refresh(server, party, String(next.body.refresh_token))).status).toBe(200);
    });

    it('gives no wider scope than it has (RFC 6749 §6)', async () => {
      const { refresh_token: token = '' } = await tokensFor(server, party, email, { scope: 'openid' });
      const wider = await refresh(server, party, token, { scope: 'openid email' });
      expect([wider.status, wider.body.error]).toEqual([400, 'invalid_scope']);
      expect((await refresh(server, party, token)).status).toBe(200);
    });

    it('gives no resource that was not asked for at the beginning (RFC 8707 §2.2)', async () => {
      const { refresh_token: token = '' } = await tokensFor(server, party, email);
      for (const resource of [identifier, `${server.issuer}/api`]) {
        const { status, body } = await refresh(server, party, token, { resource, scope: 'read' });
        expect([status, ['invalid_target', 'invalid_scope'].includes(String(body.error))]).toEqual([400, true]);
      }
      expect((await refresh(server, party, token)).status).toBe(200);
    });

    it('used for another scope within the grace ends the family', async () => {
      const { refresh_token: token = '' } = await tokensFor(server, party, email);
      const next = await refresh(server, party, token);
      expect((await refresh(server, party, token, { scope: 'openid' })).body.error).toBe('invalid_grant');
      expect((await refresh(server, party, String(next.body.refresh_token))).body.error).toBe('invalid_grant');
    });

    it('of a public client bound to a key serves no other key, in the grace or outside it (RFC 9449 §5)', async () => {
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
      expect(await calculateJwkThumbprint(await exportJWK(mine.publicKey))).toBeTruthy();
    });

    it('loses scopes that the client’s registration has lost', async () => {
      const client = await makeClient(server, { consent_policy: 'implicit', scope: 'openid email read write' });
      const more = { scope: 'openid email read write', resource: identifier };
      const { refresh_token: token = '' } = await tokensFor(server, client, email, more);
      await server.inside(async ({ clients }) =>
        clients.update(await clients.find(client.clientId), { scope: 'openid read' } as never),
      );
      const { body, status } = await refresh(server, client, token, { resource: identifier });
      expect(status).toBe(200);
      expect((await introspect(server, client, String(body.access_token))).body.scope).toBe('read');
      const plain = await refresh(server, client, String(body.refresh_token));
      const userinfo = await fetch(`${server.issuer}/userinfo`, {
        headers: { authorization: `Bearer ${plain.body.access_token}` },
      });
      expect(await userinfo.json()).not.toHaveProperty('email');
    });
  });

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

  describe('an assertion of a client is for this issuer and for nobody else (RFC 7523 §3)', () => {
    it.each([
      ['the issuer', (issuer: string) => issuer, true],
      ['the issuer in a list', (issuer: string) => [issuer], false],
      ['the issuer in a list beside another server', (issuer: string) => [issuer, 'https://evil.example'], false],
      ['the token endpoint', (issuer: string) => `${issuer}/token`, false],
      ['the endpoint that is asked', (issuer: string) => `${issuer}/introspect`, false],
      ['the issuer with a slash', (issuer: string) => `${issuer}/`, false],
      ['an empty list', () => [], false],
    ])('its audience is the issuer as a string: %s', async (_what, audience, taken) => {
      const key = await dpopKey();
      const { clientId } = await makeClient(server, {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...key.jwk, alg: 'ES256', use: 'sig' }] },
      });
      const jti = randomUUID();
      const ask = async (aud: string | string[]) => {
        const response = await fetch(`${server.issuer}/introspect`, {
          method: 'POST',
          body: new URLSearchParams({
            token: 'x',
            client_assertion: await assertionOf(key, clientId, aud, jti),
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          }),
        });
        return { status: response.status, body: await response.json() };
      };
      const answer = await ask(audience(server.issuer));
      if (taken) expect(answer).toEqual({ status: 200, body: { active: false } });
      else expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
      // What was refused has spent nothing: its jti is good once.
      expect((await ask(server.issuer)).status).toBe(taken ? 401 : 200);
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

  it('client credentials give no scope or resource that the registration does not list', async () => {
    const machine = await makeMachine(server, 'users:read');
    const ask = (form: Record<string, string>) =>
      post(server, '/token', machine, { grant_type: 'client_credentials', ...form });
    const wide = await ask({ resource: `${server.issuer}/api`, scope: 'users:read users:write clients:write' });
    if (wide.status === 200)
      expect((await introspect(server, machine, String(wide.body.access_token))).body.scope).toBe('users:read');
    for (const scope of ['read', 'read write']) {
      const { status, body } = await ask({ resource: identifier, scope });
      if (status === 200)
        expect((await introspect(server, machine, String(body.access_token))).body.scope ?? '').toBe('');
    }
    const none = await ask({ scope: 'users:read' });
    if (none.status === 200)
      expect((await api(server, String(none.body.access_token), 'GET', '/users')).status).toBe(401);
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

    it('takes no redirect_uri that is not registered, exactly', async () => {
      for (const uri of [
        ...['https://evil.example/', 'https://rp.example/cb/', 'https://rp.example/cb?x', 'https://rp.example/CB'],
        ...[
          'https://rp.example:443/cb',
          'https://rp.example/cb#',
          'https://rp.example/cb/../cb',
          'https://user@rp.example/cb',
        ],
        ...[
          'http://rp.example/cb',
          'https://rp.example.evil.example/cb',
          ' https://rp.example/cb',
          'javascript:alert(1)',
        ],
      ]) {
        const { status } = await push(party, { redirect_uri: uri });
        expect([uri, status]).toEqual([uri, 400]);
        const direct = await fetch(authorizationUrl(server, { ...party, redirectUri: uri }, pkce()), {
          redirect: 'manual',
        });
        expect([uri, direct.status, direct.headers.get('location')]).toEqual([uri, 400, null]);
      }
    });
  });

  it('signing out goes nowhere but to a registered post_logout_redirect_uri', async () => {
    for (const uri of ['https://evil.example/', 'https://rp.example/cb', '//evil.example', 'javascript:alert(1)']) {
      const query = new URLSearchParams({ client_id: party.clientId, post_logout_redirect_uri: uri });
      const answer = await fetch(`${server.issuer}/logout?${query}`, { redirect: 'manual' });
      expect([uri, answer.status, answer.headers.get('location')]).toEqual([uri, 400, null]);
    }
  });
});
