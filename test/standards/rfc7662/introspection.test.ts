import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../../src/platform/context.js';
import { introspect, makeClient, makePerson, type Party, post, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const opaque = 'https://opaque.example/api';
const jwt = 'https://jwt.example/api';

describe('token introspection (RFC 7662)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  /** Named by both resources. */
  let resourceServer: Party;
  let stranger: Party;
  let app: Party;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, {
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      consent_policy: 'implicit',
    });
    resourceServer = await makeClient(server);
    stranger = await makeClient(server);
    app = await makeClient(server, { token_endpoint_auth_method: 'none', consent_policy: 'implicit' });
    await server.inside(async ({ resources }) => {
      const introspection_clients = [resourceServer.clientId];
      await resources.create({ identifier: opaque, name: 'Opaque', introspection_clients });
      await resources.create({ identifier: jwt, name: 'JWT', access_token_format: 'jwt', introspection_clients });
    });
    email = (await makePerson(server)).email;
  }, 180_000);
  afterAll(() => server?.close());

  const policy = (introspection: 'any_confidential' | 'resource_servers') =>
    server.inside(async ({ tenants }) => {
      const tenant = await tenants.current();
      await tenants.update(tenant, { settings: { protocol: { ...tenant.settings.protocol, introspection } } } as never);
    });
  const told = async (by: Party, token: unknown) => (await introspect(server, by, String(token))).body;
  const asPublic = async (by: Party, token: unknown) => {
    const response = await fetch(`${server.issuer}/introspect`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: by.clientId, token: String(token) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };

  describe.each([
    ['opaque', opaque],
    ['JWT', jwt],
  ])('of %s access tokens', (_form, resource) => {
    let access: string;

    beforeAll(async () => {
      access = String((await tokensFor(server, party, email, { resource })).access_token);
    });

    it('answers with the members of §2.2, and says for whom the token is', async () => {
      const body = await told(party, access);
      expect(body).toMatchObject({
        active: true,
        client_id: party.clientId,
        aud: resource,
        iss: server.issuer,
        token_type: 'Bearer',
        sub: expect.any(String),
        exp: expect.any(Number),
        iat: expect.any(Number),
      });
      for (const member of ['gid', 'suid', 'username', 'email']) expect(body).not.toHaveProperty(member);
    });

    it('tells the resource server that the token is for, and no other client, where the tenant says so (§4)', async () => {
      await policy('resource_servers');
      expect(await told(resourceServer, access)).toMatchObject({ active: true, aud: resource });
      expect(await told(party, access)).toMatchObject({ active: true });
      expect(await told(stranger, access)).toEqual({ active: false });
      await policy('any_confidential');
      expect(await told(stranger, access)).toMatchObject({ active: true });
    });

    it('tells whoever has registered itself of its own tokens only: it authenticates as nobody whom the tenant knows (§4)', async () => {
      const itself = await makeClient(server);
      await server.inside(async ({ db, invalidation, tenants }) => {
        await db.manager.query('UPDATE clients SET dynamic = true WHERE client_id = $1', [itself.clientId]);
        await invalidation.publish('client', `${(await tenants.find('default')).id}:${itself.clientId}`);
      });
      expect(await told(itself, access)).toEqual({ active: false });
    });

    it('tells a public client of its own tokens only: it proves nothing about itself (§4)', async () => {
      expect(await asPublic(app, access)).toEqual({ active: false });
    });

    it('says no more of a token it may not tell of than of one that nobody made (§2.2)', async () => {
      await policy('resource_servers');
      expect(await told(stranger, access)).toEqual(await told(stranger, 'A'.repeat(access.length)));
      await policy('any_confidential');
    });

    it('needs no hint, and believes no wrong one (§2.1)', async () => {
      for (const token_type_hint of ['access_token', 'refresh_token', 'whatever']) {
        const { body } = await post(server, '/introspect', party, { token: access, token_type_hint });
        expect([token_type_hint, body.active]).toEqual([token_type_hint, true]);
      }
    });
  });

  it('tells of a token for no resource, and of a refresh token, its own client only, where the tenant says so (§4)', async () => {
    const { access_token, refresh_token } = await tokensFor(server, party, email);
    await policy('resource_servers');
    for (const token of [access_token, refresh_token]) {
      expect(await told(party, token)).toMatchObject({ active: true });
      for (const other of [resourceServer, stranger]) expect(await told(other, token)).toEqual({ active: false });
    }
    await policy('any_confidential');
  });

  it('tells a client that registered itself of its own tokens, and of those for resources that name it (§4)', async () => {
    const [self, named] = [await makeClient(server), await makeClient(server)];
    await server.inside(async ({ db, invalidation, tenants, resources }) => {
      const { id } = await tenants.current();
      for (const { clientId } of [self, named]) {
        await db.manager.query('UPDATE clients SET dynamic = true WHERE client_id = $1', [clientId]);
        await invalidation.publish('client', `${id}:${clientId}`);
      }
      for (const [identifier, format] of [
        ['https://named-opaque.example/api', 'opaque'],
        ['https://named-jwt.example/api', 'jwt'],
      ] as const) {
        const access_token_format = format;
        const introspection_clients = [named.clientId];
        await resources.create({ identifier, name: identifier, access_token_format, introspection_clients });
      }
    });
    for (const resource of ['https://named-opaque.example/api', 'https://named-jwt.example/api']) {
      const { access_token, refresh_token } = await tokensFor(server, party, email, { resource });
      for (const token of [access_token, refresh_token]) expect(await told(self, token)).toEqual({ active: false });
      expect(await told(named, access_token)).toMatchObject({ active: true });
      expect(await told(stranger, access_token)).toMatchObject({ active: true });
    }
    const own = await tokensFor(server, self, email);
    expect(await told(self, own.access_token)).toMatchObject({ active: true });
  });

  it('knows no resource server of another tenant (§4)', async () => {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'acme', name: 'Acme' }));
    const token = String((await tokensFor(server, party, email, { resource: opaque })).access_token);
    const there = { ...server, issuer: `${server.issuer}/t/acme` };
    const theirs = await withContext({ tenantId: tenant.id }, async () => {
      const { clients, resources } = server.services;
      const { client, secret } = await clients.create({
        client_name: 'There',
        redirect_uris: ['https://there.example/cb'],
      });
      await resources.create({ identifier: opaque, name: 'Opaque', introspection_clients: [client.clientId] });
      return { clientId: client.clientId, clientSecret: String(secret), redirectUri: '' };
    });
    expect((await introspect(there, theirs, token)).body).toEqual({ active: false });
  });

  it.each([
    ['opaque', opaque],
    ['JWT', jwt],
  ])(
    'of an %s token of whom is no client for the moment, only that it is not active (§2.2)',
    async (_form, resource) => {
      const odd = await makeClient(server, { consent_policy: 'implicit' });
      const { access_token } = await tokensFor(server, odd, email, { resource });
      expect(await told(resourceServer, access_token)).toMatchObject({ active: true });
      // As when a profile asks for more than it did when the client came.
      await server.inside(async ({ db, invalidation, tenants }) => {
        await db.manager.query(
          `UPDATE clients SET metadata = metadata || '{"profile": "fapi2"}' WHERE client_id = $1`,
          [odd.clientId],
        );
        await invalidation.publish('client', `${(await tenants.find('default')).id}:${odd.clientId}`);
      });
      const { status, body } = await introspect(server, resourceServer, String(access_token));
      expect([status, body]).toEqual([200, { active: false }]);
    },
  );

  it('answers nobody who does not authenticate (§2.1, §2.3)', async () => {
    const { status, body } = await introspect(server, { ...party, clientSecret: 'wrong' }, 'x');
    expect([status, body.error]).toEqual([401, 'invalid_client']);
    const anonymous = await fetch(`${server.issuer}/introspect`, {
      method: 'POST',
      body: new URLSearchParams({ token: 'x' }),
    });
    expect([400, 401]).toContain(anonymous.status);
  });

  it('refuses a request without a token, and one with two (§2.1)', async () => {
    const { status, body } = await post(server, '/introspect', party, {});
    expect([status, body.error]).toEqual([400, 'invalid_request']);
  });

  it('is never kept by anybody on the way (§4)', async () => {
    const { headers } = await introspect(server, party, 'x');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('takes POST alone, so that no token stands in an address (§4)', async () => {
    const response = await fetch(`${server.issuer}/introspect?token=x`);
    expect(response.status).toBe(404);
  });
});
