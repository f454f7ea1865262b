import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { api, makeMachine } from '../../support/attack.js';
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
  redeem,
  refresh,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

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
});
