import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import { api, machineToken, makeMachine } from '../support/attack.js';
import { makeClient, makePerson, post, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('nobody becomes stronger than they are through the management API (RFC 9700 §2.3, OWASP ASVS 5.0 V8.2)', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  const makeAdministrator = async () => {
    const user = await makePerson(server);
    return server.inside(({ users }) => users.setRoles(user, ['ADMIN']));
  };

  describe('clients:write', () => {
    it('gives no secret of a client that holds more than the caller', async () => {
      const strong = await makeMachine(server, 'users:write roles:write clients:write');
      const weak = await makeMachine(server, 'clients:read clients:write');
      const added = await api(server, weak.token, 'POST', `/clients/${strong.clientId}/secrets`, {});
      expect(added.status).toBe(403);
      expect(added.body.code).toBe('scope_not_held');
      expect(added.body.client_secret).toBeUndefined();
      const listed = await api(server, weak.token, 'GET', `/clients/${strong.clientId}/secrets`);
      expect(listed.body.items).toHaveLength(1);
    });

    it('gives a secret of a client that holds as much or less', async () => {
      const equal = await makeMachine(server, 'clients:read');
      const caller = await makeMachine(server, 'clients:read clients:write');
      expect((await api(server, caller.token, 'POST', `/clients/${equal.clientId}/secrets`, {})).status).toBe(201);
    });

    it.each([
      ['redirect_uris', { redirect_uris: ['https://evil.example/cb'] }],
      ['token_endpoint_auth_method', { token_endpoint_auth_method: 'client_secret_post' }],
      ['consent_policy', { consent_policy: 'implicit' }],
      ['scope', { scope: 'clients:write users:write' }],
    ])('does not change %s of a client that holds more than the caller', async (_name, change) => {
      const strong = await makeClient(server, { scope: 'openid users:write roles:write' });
      const weak = await makeMachine(server, 'clients:write');
      const { status, body } = await api(server, weak.token, 'PATCH', `/clients/${strong.clientId}`, change);
      expect([status, body.code]).toEqual([403, 'scope_not_held']);
    });

    it('registers no client with a scope of the management API that the caller lacks', async () => {
      const weak = await makeMachine(server, 'clients:write');
      const { status } = await api(server, weak.token, 'POST', '/clients', {
        client_name: 'Trojan',
        grant_types: ['client_credentials'],
        response_types: [],
        scope: 'clients:write roles:write',
      });
      expect(status).toBe(403);
    });

    it('does not bring a stronger client that was disabled back to life', async () => {
      const strong = await makeMachine(server, 'users:write');
      await server.inside(async ({ clients }) => clients.disable(await clients.find(strong.clientId)));
      const weak = await makeMachine(server, 'clients:write');
      const { status } = await api(server, weak.token, 'DELETE', `/clients/${strong.clientId}/suspension`);
      expect(status).toBe(403);
    });
  });

  describe('users:write', () => {
    it.each([
      ['address', 'PATCH', '', { email: 'attacker@evil.example' }],
      ['verification', 'PATCH', '', { email_verified: false }],
      ['suspension', 'PUT', '/suspension', undefined],
      ['existence', 'DELETE', '', undefined],
      ['lockout', 'DELETE', '/lockout', undefined],
    ] as const)('does not change the %s of somebody who has a role', async (_name, method, path, body) => {
      const administrator = await makeAdministrator();
      const { token } = await makeMachine(server, 'users:read users:write');
      const answer = await api(server, token, method, `/users/${administrator.id}${path}`, body);
      expect([answer.status, answer.body.code]).toEqual([403, 'scope_not_held']);
      const { body: now } = await api(server, token, 'GET', `/users/${administrator.id}`);
      expect(now).toMatchObject({ email: administrator.email, email_verified: true, disabled_at: null });
    });

    it('together with roles:write it does', async () => {
      await makeAdministrator();
      const administrator = await makeAdministrator();
      const { token } = await makeMachine(server, 'users:write roles:write');
      const path = `/users/${administrator.id}`;
      expect((await api(server, token, 'PATCH', path, { email_verified: false })).status).toBe(200);
      expect((await api(server, token, 'DELETE', path)).status).toBe(204);
    });

    it('changes people without a role, and gives nobody one', async () => {
      const person = await makePerson(server);
      const { token } = await makeMachine(server, 'users:write');
      const path = `/users/${person.id}`;
      expect((await api(server, token, 'PATCH', path, { claims: { name: 'Ada' } })).status).toBe(200);
      expect((await api(server, token, 'PUT', `${path}/roles`, { roles: ['ADMIN'] })).status).toBe(403);
      expect((await api(server, token, 'PATCH', path, { roles: ['ADMIN'] })).status).toBe(422);
      expect((await api(server, token, 'POST', '/users', { email: 'x@example.com', roles: ['ADMIN'] })).status).toBe(
        422,
      );
    });
  });

  describe('issuers:write', () => {
    const resource = 'https://issued.example/api';

    beforeAll(() =>
      server.inside(({ resources }) =>
        resources.create({ identifier: resource, name: 'Issued', scopes: [{ name: 'read' }] } as never),
      ),
    );

    const trust = async (token: string) => {
      const { status, body } = await api(server, token, 'POST', '/trusted-issuers', {
        issuer: `https://issuer-${randomUUID()}.example`,
        name: 'Mine',
        jwks: { keys: [await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)] },
        clients: [],
        resources: [resource],
        scopes: ['read'],
      });
      expect(status).toBe(201);
      return (user_id: string) =>
        api(server, token, 'POST', `/trusted-issuers/${body.id}/subjects`, { subject: randomUUID(), user_id });
    };

    it('lets no issuer speak for somebody who has a role', async () => {
      const link = await trust((await makeMachine(server, 'issuers:read issuers:write')).token);
      const answer = await link((await makeAdministrator()).id);
      expect([answer.status, answer.body.code]).toEqual([403, 'scope_not_held']);
      expect((await link((await makePerson(server)).id)).status).toBe(201);
    });

    it('together with roles:write it does', async () => {
      const link = await trust((await makeMachine(server, 'issuers:read issuers:write roles:write')).token);
      expect((await link((await makeAdministrator()).id)).status).toBe(201);
    });
  });

  it('the last administrator stays: without one the setup link would make another', async () => {
    const lonely = await startServer();
    try {
      const user = await makePerson(lonely);
      await lonely.inside(({ users }) => users.setRoles(user, ['ADMIN']));
      const { token } = await makeMachine(lonely, 'users:write roles:write');
      const path = `/users/${user.id}`;
      for (const [method, below, body] of [
        ['DELETE', '', undefined],
        ['PUT', '/roles', { roles: [] }],
        ['PUT', '/suspension', undefined],
      ] as const) {
        const answer = await api(lonely, token, method, `${path}${below}`, body);
        expect([method, below, answer.status, answer.body.code]).toEqual([method, below, 409, 'last_administrator']);
      }
      const operations = [{ op: 'disable', user_id: user.id }];
      const { body } = await api(lonely, token, 'POST', '/users/bulk', { operations });
      expect(body).toMatchObject({ succeeded: 0, results: [{ error: { code: 'last_administrator' } }] });
      // Whoever is disabled administers nothing; of two who are disabled at once one stays.
      const second = await makePerson(lonely);
      await lonely.inside(({ users }) => users.setRoles(second, ['ADMIN']));
      const disabled = await Promise.all(
        [user, second].map(({ id }) => api(lonely, token, 'PUT', `/users/${id}/suspension`)),
      );
      expect(disabled.map(({ status }) => status).sort()).toEqual([204, 409]);
      const last = disabled[0]?.status === 409 ? user : second;
      expect((await api(lonely, token, 'DELETE', `/users/${last.id}`)).status).toBe(409);
    } finally {
      await lonely.close();
    }
  }, 180_000);

  describe('a token of a person', () => {
    const resource = () => ({ resource: `${server.issuer}/api`, scope: 'openid users:read' });
    const makeConsole = (more = {}) => makeClient(server, { scope: 'openid users:read', ...more });

    it.each([{}, { consent_policy: 'implicit' }])(
      'opens nothing where the person is no administrator, whatever client asked for it %j',
      async (more) => {
        const person = await makePerson(server);
        const { access_token } = await tokensFor(server, await makeConsole(more), person.email, resource());
        const { status, body } = await api(server, String(access_token), 'GET', '/users');
        expect([status, body.code]).toEqual([403, 'insufficient_scope']);
      },
    );

    it('opens what the client was given where the person is one, until they are none', async () => {
      await makeAdministrator();
      const administrator = await makeAdministrator();
      const { access_token } = await tokensFor(server, await makeConsole(), administrator.email, resource());
      expect((await api(server, String(access_token), 'GET', '/users')).status).toBe(200);
      expect((await api(server, String(access_token), 'GET', '/clients')).status).toBe(403);
      await server.inside(({ users }) => users.setRoles(administrator, []));
      expect((await api(server, String(access_token), 'GET', '/users')).status).toBe(403);
    });
  });

  it('a token for another audience opens nothing, even with the same scope names (RFC 8707 §2)', async () => {
    const identifier = 'https://other.example/api';
    await server.inside(({ resources }) =>
      resources.create({ identifier, name: 'Other', scopes: [{ name: 'users:read' }] } as never),
    );
    const machine = await makeMachine(server, 'users:read');
    const other = await post(server, '/token', machine, {
      grant_type: 'client_credentials',
      resource: identifier,
      scope: 'users:read',
    });
    expect(other.status).toBe(200);
    expect((await api(server, String(other.body.access_token), 'GET', '/users')).status).toBe(401);
    const { token } = await makeMachine(server, 'resources:write');
    const taken = await api(server, token, 'POST', '/resources', { identifier: `${server.issuer}/api`, name: 'Mine' });
    expect(taken.status).toBe(409);
    expect(await machineToken(server, machine, 'users:read')).toBeTruthy();
  });
});
