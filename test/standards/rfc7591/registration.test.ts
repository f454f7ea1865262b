import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../../src/platform/context.js';
import { until } from '../../support/pair.js';
import { makePerson, post, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

interface Answer {
  status: number;
  body: Record<string, unknown>;
  headers: Headers;
}

const metadata = {
  client_name: 'Self Made',
  redirect_uris: ['https://rp.example/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

describe('clients that register themselves (RFC 7591, RFC 7592)', () => {
  let server: TestServer;
  let initial: string;

  beforeAll(async () => {
    server = await startServer();
    initial = await server.inside(initialToken);
  }, 180_000);
  afterAll(() => server?.close());

  const send = async (method: string, path: string, token: string | undefined, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${server.issuer}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers };
  };
  const register = (body: unknown, token: string | undefined = initial) => send('POST', '/register', token, body);
  const made = async (more: Record<string, unknown> = {}) => {
    const { status, body } = await register({ ...metadata, ...more });
    expect([status, body.error_description]).toEqual([201, undefined]);
    return body as Record<string, string>;
  };
  const at = ({ client_id }: Record<string, unknown>) => `/register/${client_id}`;
  const rat = (client: Record<string, unknown>) => String(client.registration_access_token);
  const party = (client: Record<string, unknown>) => ({
    clientId: String(client.client_id),
    clientSecret: String(client.client_secret),
    redirectUri: 'https://rp.example/cb',
  });
  const authenticates = async (client: Record<string, unknown>, secret = client.client_secret) =>
    (await post(server, '/introspect', { ...party(client), clientSecret: String(secret) }, { token: 'x' })).status ===
    200;

  it.each([
    ['none', undefined],
    ['an unknown one', 'nonsense'],
    ['an empty one', ' '],
  ])('needs an initial access token: %s is refused (RFC 7591 §3)', async (_what, token) => {
    const answer = await send('POST', '/register', token, metadata);
    expect([400, 401]).toContain(answer.status);
    expect(['invalid_token', 'invalid_request']).toContain(answer.body.error);
  });

  it('is off where the tenant says so, there alone and at once, also for what was registered before (RFC 8414 §2)', async () => {
    const tenant = await server.services.tenants.create({ slug: 'closed', name: 'Closed' });
    const issuer = server.services.tenants.issuerOf(tenant);
    const there = <T>(work: () => Promise<T>) => withContext({ tenantId: tenant.id }, work);
    const token = await there(() => initialToken(server.services));
    const ask = (method: string, path: string, bearer: string) =>
      fetch(issuer + path, {
        method,
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
        ...(method === 'GET' ? {} : { body: JSON.stringify(metadata) }),
      });
    const discovery = async () =>
      (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
    const before = await ask('POST', '/register', token);
    const client = (await before.json()) as Record<string, string>;
    expect([before.status, (await discovery()).registration_endpoint]).toEqual([201, `${issuer}/register`]);

    await server.services.tenants.update(tenant, { settings: { protocol: { registration: 'off' } } });
    await until('the engine was built anew', async () => (await discovery()).registration_endpoint === undefined);
    expect((await ask('POST', '/register', token)).status).toBe(404);
    expect((await ask('GET', `/register/${client.client_id}`, rat(client))).status).toBe(404);
    expect((await register(metadata)).status).toBe(201);

    await server.services.tenants.update(await server.services.tenants.find('closed'), {
      settings: { protocol: null },
    });
    await until('it is on again', async () => (await discovery()).registration_endpoint !== undefined);
    expect((await ask('GET', `/register/${client.client_id}`, rat(client))).status).toBe(200);
  });

  it('takes no initial access token of another tenant', async () => {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'other', name: 'Other' }));
    const foreign = await withContext({ tenantId: tenant.id }, () => initialToken(server.services));
    expect((await register(metadata, foreign)).status).toBe(401);
  });

  it('shows the secret and the registration token in its answer, and signs people in with consent', async () => {
    const client = await made();
    expect(client).toMatchObject({
      client_id: expect.stringMatching(/^[\w-]{10,}$/),
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      client_secret_expires_at: 0,
      registration_client_uri: `${server.issuer}${at(client)}`,
      registration_access_token: expect.stringMatching(/^[\w-]{20,}$/),
    });
    expect(Object.keys(client).filter((name) => name.startsWith('urn:'))).toEqual([]);
    const { email } = await makePerson(server);
    expect((await tokensFor(server, party(client), email)).access_token).toBeTruthy();
    const stored = await server.inside(({ clients }) => clients.find(String(client.client_id)));
    expect(stored).toMatchObject({ dynamic: true, consentPolicy: 'explicit' });
  });

  it('says where it wants to be told of logouts, over https only (OpenID Connect Back-Channel Logout 1.0 §2.2)', async () => {
    const members = { backchannel_logout_uri: 'https://rp.example/logout', backchannel_logout_session_required: true };
    const client = await made(members);
    expect(client).toMatchObject(members);
    expect((await send('GET', at(client), rat(client))).body).toMatchObject(members);
    for (const uri of ['http://rp.example/logout', 'https://rp.example/logout#x', 'https://me:pw@rp.example/', 'x:y']) {
      const { status, body } = await register({ ...metadata, backchannel_logout_uri: uri });
      expect([status, body.error]).toEqual([400, 'invalid_client_metadata']);
    }
  });

  it('leaves neither secret nor registration token at rest', async () => {
    const client = await made();
    const rows = await server.inside(({ db }) =>
      db.manager.query(
        `SELECT (SELECT json_agg(to_jsonb(c)) FROM clients c) AS clients, (SELECT json_agg(to_jsonb(s)) FROM client_secrets s) AS secrets,
                (SELECT json_agg(to_jsonb(r)) FROM engine_rows r) AS rows, (SELECT json_agg(to_jsonb(a)) FROM audit_events a) AS audit`,
      ),
    );
    const dump = JSON.stringify(rows) + server.log.join('');
    for (const secret of [client.client_secret, rat(client), initial]) expect(dump).not.toContain(secret);
  });

  it.each<[string, Record<string, unknown>]>([
    ['consent_policy', { consent_policy: 'implicit' }],
    ['urn:ostiary:consent_policy', { 'urn:ostiary:consent_policy': 'implicit' }],
    ['profile', { profile: 'compatibility' }],
    ['urn:ostiary:profile', { 'urn:ostiary:profile': 'compatibility' }],
    ['urn:ostiary:dynamic', { 'urn:ostiary:dynamic': false }],
    ['urn:ostiary:allowed_scope', { 'urn:ostiary:allowed_scope': 'users:write' }],
    ['urn:ostiary:access_token_ttl', { 'urn:ostiary:access_token_ttl': 86_400 }],
    ['urn:ostiary:allowed_cors_origins', { 'urn:ostiary:allowed_cors_origins': ['https://evil.example'] }],
    ['a scope of the management API', { scope: 'openid users:write' }],
    ['an algorithm none', { id_token_signed_response_alg: 'none' }],
    ['a symmetric algorithm', { id_token_signed_response_alg: 'HS256' }],
    ['a symmetric algorithm for userinfo', { userinfo_signed_response_alg: 'HS256' }],
    ['a symmetric algorithm for request objects', { request_object_signing_alg: 'HS256' }],
    ['request objects without signature', { request_object_signing_alg: 'none' }],
    ['a symmetric assertion', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['the implicit flow', { response_types: ['id_token'], grant_types: ['implicit'] }],
    ['a password grant', { grant_types: ['password'] }],
    ['a script for an address', { redirect_uris: ['javascript:alert(1)'] }],
    ['an address with a fragment', { redirect_uris: ['https://rp.example/cb#x'] }],
    ['plain http', { redirect_uris: ['http://rp.example/cb'] }],
    ['no address', { redirect_uris: [] }],
    ['a script for a logo', { logo_uri: 'javascript:alert(1)' }],
    ['jwks and jwks_uri at once', { jwks: { keys: [] }, jwks_uri: 'https://rp.example/jwks' }],
    [
      'a private key',
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } },
    ],
  ])('does not let a client say %s', async (_what, more) => {
    const answer = await register({ ...metadata, ...more });
    if (answer.status === 201) {
      // A member nobody knows may be left out (RFC 7591 §2); then it must have no effect.
      const stored = await server.inside(({ clients }) => clients.find(String(answer.body.client_id)));
      expect(['consent_policy', 'profile', 'userinfo_signed_response_alg']).toEqual(
        expect.arrayContaining(Object.keys(more)),
      );
      expect(stored.consentPolicy).toBe('explicit');
      for (const member of Object.keys(more)) {
        expect(answer.body).not.toHaveProperty(member);
        expect(stored.metadata).not.toHaveProperty(member);
      }
    } else {
      expect(answer.status).toBe(400);
      expect(['invalid_client_metadata', 'invalid_redirect_uri']).toContain(answer.body.error);
    }
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['a list', '[]'],
    ['nothing', '{}'],
    ['__proto__', '{"__proto__":{"urn:ostiary:dynamic":false}}'],
  ])('refuses %s', async (_what, body) => {
    expect((await register(body)).status).toBe(400);
  });

  it('takes no client_id or secret from the sender', async () => {
    const client = await made({ client_id: 'admin', client_secret: 'chosen-by-the-sender-chosen-by-the-sender-1' });
    expect(client.client_id).not.toBe('admin');
    expect(client.client_secret).not.toContain('chosen');
  });

  describe('managing a registration (RFC 7592)', () => {
    it('reads it without the secret', async () => {
      const client = await made();
      const { status, body } = await send('GET', at(client), rat(client));
      expect([status, body.client_id, body.client_name]).toEqual([200, client.client_id, 'Self Made']);
      expect(body).not.toHaveProperty('client_secret');
      expect(JSON.stringify(body)).not.toContain('urn:ostiary');
      expect(await authenticates(client)).toBe(true);
    });

    it('reads it without the secret, even right after it was changed elsewhere', async () => {
      const client = await made();
      for (let time = 0; time < 10; time += 1) {
        const [, read] = await Promise.all([
          server.inside(async ({ clients }) =>
            clients.update(await clients.find(String(client.client_id)), { client_name: `Name ${time}` }),
          ),
          send('GET', at(client), rat(client)),
        ]);
        expect(read.status).toBe(200);
        expect(read.body).not.toHaveProperty('client_secret');
      }
    });

    it('is not managed with another client’s token, the initial one, or none, and the stranger’s token dies', async () => {
      const [client, other] = [await made(), await made()];
      for (const token of [rat(other), initial, 'nonsense', undefined])
        for (const method of ['GET', 'PUT', 'DELETE']) {
          const answer = await send(
            method,
            at(client),
            token,
            method === 'PUT' ? { ...metadata, client_id: client.client_id } : undefined,
          );
          expect([400, 401]).toContain(answer.status);
        }
      expect((await send('GET', at(other), rat(other))).status).toBe(401);
      // Not even text.
      for (const method of ['GET', 'PUT', 'DELETE'])
        expect((await send(method, '/register/%E0%A4%A', rat(client))).status).toBe(404);
      expect((await send('GET', at(client), rat(client))).status).toBe(200);
    });

    it('changes it, rotates the token, and compares the secret by its hash', async () => {
      const client = await made();
      const change = (token: string, more: Record<string, unknown>) =>
        send('PUT', at(client), token, { ...metadata, client_id: client.client_id, ...more });
      const first = await change(rat(client), { client_name: 'Renamed', client_secret: client.client_secret });
      expect([first.status, first.body.client_name]).toEqual([200, 'Renamed']);
      expect(first.body).not.toHaveProperty('client_secret');
      expect(rat(first.body)).not.toBe(rat(client));
      expect((await send('GET', at(client), rat(client))).status).toBe(401);
      expect(await authenticates(client)).toBe(true);

      const wrong = await change(rat(first.body), { client_secret: 'another-secret-another-secret-another-secret' });
      expect([wrong.status, wrong.body.error]).toEqual([400, 'invalid_request']);
      expect(await authenticates(client)).toBe(true);
      expect(await authenticates(client, 'another-secret-another-secret-another-secret')).toBe(false);

      const without = await change(rat(first.body), { client_name: 'Again' });
      expect([without.status, without.body.client_name]).toEqual([200, 'Again']);
      expect(await authenticates(client)).toBe(true);
    });

    it.each<[string, Record<string, unknown>]>([
      ['another client_id', { client_id: 'admin' }],
      ['no client_id', { client_id: undefined }],
      ['a registration token of its own', { registration_access_token: 'mine' }],
      ['a setting of ours', { 'urn:ostiary:consent_policy': 'implicit' }],
      ['the scope of an administrator', { scope: 'openid users:write' }],
    ])('does not change it to %s', async (_what, more) => {
      const client = await made();
      const answer = await send('PUT', at(client), rat(client), { ...metadata, client_id: client.client_id, ...more });
      expect(answer.status).toBe(400);
      expect((await send('GET', at(client), rat(client))).body).toMatchObject({ client_name: 'Self Made' });
    });

    it('leaves what an administrator has said of it as it was, and says none of that itself (RFC 7592 §2.2)', async () => {
      const client = await made({ access_token_ttl: 3600, refresh_grace: 90 });
      const stored = () =>
        server.inside(async ({ clients }) => (await clients.find(String(client.client_id))).metadata);
      expect(await stored()).not.toHaveProperty('access_token_ttl');
      await server.inside(async ({ clients }) =>
        clients.update(await clients.find(String(client.client_id)), {
          access_token_ttl: 60,
          allowed_cors_origins: ['https://rp.example'],
        }),
      );
      const sent = { ...metadata, client_id: client.client_id, client_name: 'Renamed' };
      const answer = await send('PUT', at(client), rat(client), {
        ...sent,
        access_token_ttl: 86_400,
        refresh_grace: 1,
      });
      expect(answer.status).toBe(200);
      expect(answer.body).not.toHaveProperty('access_token_ttl');
      expect(await stored()).toMatchObject({
        client_name: 'Renamed',
        access_token_ttl: 60,
        allowed_cors_origins: ['https://rp.example'],
      });
      expect(await stored()).not.toHaveProperty('refresh_grace');
    });

    it('deletes it: neither token nor secret nor what people allowed it live on', async () => {
      const client = await made();
      const { email } = await makePerson(server);
      const tokens = await tokensFor(server, party(client), email);
      expect((await send('DELETE', at(client), rat(client))).status).toBe(204);
      expect((await send('GET', at(client), rat(client))).status).toBe(401);
      expect(await authenticates(client)).toBe(false);
      const userinfo = await fetch(`${server.issuer}/userinfo`, {
        headers: { authorization: `Bearer ${tokens.access_token}` },
      });
      expect(userinfo.status).toBe(401);
    });

    it('ends with the client when an administrator disables it', async () => {
      const client = await made();
      await server.inside(async ({ clients }) => clients.disable(await clients.find(String(client.client_id))));
      expect((await send('GET', at(client), rat(client))).status).toBe(401);
    });
  });
});

/** What an administrator hands to whoever may register clients. */
const initialToken = async ({ initialAccessTokens }: TestServer['services']): Promise<string> =>
  (await initialAccessTokens.issue({ uses: 1000 })).value;
