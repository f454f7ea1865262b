import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { introspect, makeClient, makePerson, type Party, post, refresh, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const resources = { opaque: 'https://opaque.example/api', JWT: 'https://jwt.example/api' };

describe('token revocation (RFC 7009)', () => {
  let server: TestServer;
  let party: Party;
  let other: Party;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    other = await makeClient(server, { consent_policy: 'implicit' });
    await server.inside(async (services) => {
      await services.resources.create({ identifier: resources.opaque, name: 'Opaque' });
      await services.resources.create({ identifier: resources.JWT, name: 'JWT', access_token_format: 'jwt' });
    });
    email = (await makePerson(server)).email;
  }, 180_000);
  afterAll(() => server?.close());

  const isActive = async (token: unknown) => (await introspect(server, party, String(token))).body.active as unknown;
  const revoke = (by: Party, token: unknown, more: Record<string, string> = {}) =>
    post(server, '/revoke', by, { token: String(token), ...more });

  describe.each(Object.entries(resources))('of %s access tokens', (_form, resource) => {
    const tokens = () => tokensFor(server, party, email, { resource });

    it('ends that token, and answers 200 without a body (§2.2)', async () => {
      const { access_token } = await tokens();
      const { status, body } = await revoke(party, access_token);
      expect([status, body]).toEqual([200, {}]);
      expect(await isActive(access_token)).toBe(false);
    });

    it('leaves the refresh token and other access tokens of the grant as they are (§2.1: MAY)', async () => {
      const { access_token, refresh_token } = await tokens();
      const next = await refresh(server, party, String(refresh_token), { resource });
      await revoke(party, access_token);
      expect(await isActive(next.body.access_token)).toBe(true);
      expect((await refresh(server, party, String(next.body.refresh_token))).status).toBe(200);
    });

    it('ends with the refresh token: all access tokens of the grant do (§2.1: SHOULD)', async () => {
      const { access_token, refresh_token } = await tokens();
      const next = await refresh(server, party, String(refresh_token), { resource });
      expect((await revoke(party, next.body.refresh_token)).status).toBe(200);
      for (const token of [access_token, next.body.access_token]) expect(await isActive(token)).toBe(false);
      expect((await refresh(server, party, String(next.body.refresh_token))).body.error).toBe('invalid_grant');
    });

    it('is refused to a client that the token was not issued to, and changes nothing (§2.1)', async () => {
      const { access_token } = await tokens();
      const { status, body } = await revoke(other, access_token);
      expect([status, body.error]).toEqual([400, 'invalid_request']);
      expect(await isActive(access_token)).toBe(true);
    });

    it('is done twice as once (§2.2)', async () => {
      const { access_token } = await tokens();
      for (const _time of [1, 2]) expect((await revoke(party, access_token)).status).toBe(200);
    });

    it.each(['access_token', 'refresh_token', 'whatever'])(
      'is done with the hint %s, right or wrong (§2.1, §4.1.2)',
      async (token_type_hint) => {
        const { access_token } = await tokens();
        expect((await revoke(party, access_token, { token_type_hint })).status).toBe(200);
        expect(await isActive(access_token)).toBe(false);
      },
    );
  });

  it.each(['x', 'A'.repeat(43), 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA'])(
    'of a token that nobody made answers 200: the client could do nothing about it (§2.2): %s',
    async (token) => {
      expect((await revoke(party, token)).status).toBe(200);
    },
  );

  it('of a public client: it says who it is, and ends its own tokens only (§2.1)', async () => {
    const app = await makeClient(server, { token_endpoint_auth_method: 'none', consent_policy: 'implicit' });
    const { access_token } = await tokensFor(server, party, email);
    const asApp = (token: unknown) =>
      fetch(`${server.issuer}/revoke`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: app.clientId, token: String(token) }),
      });
    // As of a token that nobody made: it learns nothing about those of others.
    expect((await asApp(access_token)).status).toBe(200);
    expect(await isActive(access_token)).toBe(true);
  });

  it('is refused to whoever does not authenticate (§2.1)', async () => {
    const { access_token } = await tokensFor(server, party, email);
    const { status, body } = await revoke({ ...party, clientSecret: 'wrong' }, access_token);
    expect([status, body.error]).toEqual([401, 'invalid_client']);
    expect(await isActive(access_token)).toBe(true);
  });

  it('needs a token, and takes POST alone (§2.1)', async () => {
    const { status, body } = await post(server, '/revoke', party, {});
    expect([status, body.error]).toEqual([400, 'invalid_request']);
    expect((await fetch(`${server.issuer}/revoke?token=x`)).status).toBe(404);
  });
});
