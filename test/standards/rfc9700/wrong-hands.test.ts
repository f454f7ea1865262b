import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { api } from '../../support/attack.js';
import {
  authorizationUrl,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('tokens where they do not belong (RFC 9700 §4)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  const jwtResource = 'https://api.example/jwt';

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
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

  describe('an access token in JWT form (RFC 9068 §4)', () => {
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
});
