import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeClient } from '../support/party.js';
import { initialAccessTokenFor } from '../support/planted.js';
import { startServer, type TestServer } from '../support/server.js';

type Json = Record<string, unknown>;

describe('a client that registers itself gets no further than that (RFC 7591 §5, RFC 7592)', () => {
  let server: TestServer;
  let inner: Server;
  let innerUrl: string;
  let knocks = 0;

  beforeAll(async () => {
    server = await startServer();
    inner = createServer((_request, response) => {
      knocks += 1;
      response.setHeader('content-type', 'application/json').end('["https://dynamic.example/cb"]');
    });
    await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
    innerUrl = `127.0.0.1:${(inner.address() as { port: number }).port}`;
  }, 180_000);
  afterAll(async () => {
    inner?.close();
    await server?.close();
  });

  const initialToken = () => initialAccessTokenFor(server);

  async function send(method: string, path: string, token: string, body?: Json) {
    const response = await fetch(path.startsWith('http') ? path : server.issuer + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : {}) as Json, headers: response.headers };
  }

  const plain = { client_name: 'Dynamic', redirect_uris: ['https://dynamic.example/cb'] };
  const register = async (more: Json = {}) => send('POST', '/register', await initialToken(), { ...plain, ...more });

  it('nobody registers without an initial access token', async () => {
    for (const token of ['', 'x', randomBytes(32).toString('base64url')])
      expect((await send('POST', '/register', token, plain)).status).toBeGreaterThanOrEqual(400);
    const { body } = await register();
    expect((await send('POST', '/register', String(body.registration_access_token), plain)).status).toBe(401);
  });

  it('the answer is never stored, and the secret is in no later one', async () => {
    const made = await register();
    expect(made.status).toBe(201);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const read = await send(
      'GET',
      String(made.body.registration_client_uri),
      String(made.body.registration_access_token),
    );
    expect(read.status).toBe(200);
    expect(read.body).not.toHaveProperty('client_secret');
    expect(JSON.stringify(read.body)).not.toContain('urn:ostiary');
  });

  it('an update that crosses another change neither shows nor makes a secret', async () => {
    const made = await register();
    const clientId = String(made.body.client_id);
    const { invalidation } = server.services;
    let token = String(made.body.registration_access_token);
    for (let time = 0; time < 15; time += 1) {
      const stop = { now: false };
      const crossing = (async () => {
        while (!stop.now) {
          const tenant = await server.services.tenants.findBySlug('default');
          await server.inside(() => invalidation.publish('client', `${tenant?.id}:${clientId}`));
        }
      })();
      const uri = String(made.body.registration_client_uri);
      const read = await send('GET', uri, token);
      const changed = await send('PUT', uri, token, { ...plain, client_id: clientId, client_name: `Name ${time}` });
      stop.now = true;
      await crossing;
      expect([read.status, changed.status]).toEqual([200, 200]);
      expect(read.body).not.toHaveProperty('client_secret');
      expect(changed.body).not.toHaveProperty('client_secret');
      token = String(changed.body.registration_access_token ?? token);
    }
    const secrets = await server.inside(async ({ clients }) => clients.listSecrets(await clients.find(clientId)));
    expect(secrets).toHaveLength(1);
    const right = await server.inside(({ clients }) =>
      clients.compareSecret(clientId, String(made.body.client_secret)),
    );
    expect(right).toBe(true);
  });

  it.each([
    ['urn:ostiary:consent_policy', 'implicit'],
    ['urn:ostiary:dynamic', false],
    ['urn:ostiary:allowed_scope', 'users:write'],
    ['urn:ostiary:access_token_ttl', 999_999],
    ['urn:ostiary:allowed_cors_origins', ['https://evil.example']],
    ['consent_policy', 'implicit'],
    ['dynamic', false],
    ['scope', 'openid users:write'],
    ['client_id', 'chosen'],
    ['client_secret', 'chosen-chosen-chosen-chosen-chosen-1'],
    ['access_token_ttl', 86_400],
  ])('does not say %s, at registration or later', async (name, value) => {
    const kept = async (answer: Awaited<ReturnType<typeof send>>, clientId: string) => {
      if (answer.status >= 400) return;
      const client = await server.inside(({ clients }) => clients.find(clientId));
      expect([client.consentPolicy, client.dynamic, client.clientId]).toEqual(['explicit', true, clientId]);
      expect(client.metadata.scope ?? '').not.toContain('users:write');
      expect(client.metadata.access_token_ttl).toBeUndefined();
      expect(client.metadata.allowed_cors_origins).toBeUndefined();
      expect(clientId).not.toBe('chosen');
      expect(await server.inside(({ clients }) => clients.compareSecret(clientId, String(value)))).toBe(false);
    };
    const made = await register({ [name]: value });
    await kept(made, String(made.body.client_id));

    const { body } = await register();
    const { registration_access_token: token, registration_client_uri: uri, client_id: clientId } = body;
    const changed = await send('PUT', String(uri), String(token), { ...plain, client_id: clientId, [name]: value });
    await kept(changed, String(clientId));
  });

  it.each([
    ['javascript:alert(1)'],
    ['data:text/html,x'],
    ['http://evil.example/cb'],
    ['https://a.example/cb#x'],
    ['https://u:p@a.example/'],
    ['https://*.example/cb'],
    ['https://a.example/\u0000'],
    ['https://a.example;x/'],
  ])('is not sent to %j', async (uri) => {
    const { status, body } = await register({ redirect_uris: [uri] });
    expect([status, ['invalid_redirect_uri', 'invalid_client_metadata'].includes(String(body.error))]).toEqual([
      400,
      true,
    ]);
  });

  it.each(['logo_uri', 'policy_uri', 'tos_uri', 'client_uri'])('shows no script as %s', async (name) => {
    for (const uri of ['javascript:alert(1)', 'data:text/html,x', 'http://evil.example/'])
      expect((await register({ [name]: uri })).status).toBe(400);
  });

  it('makes the server call nothing inside: sector_identifier_uri, jwks_uri (OWASP ASVS 5.0 V1.3.6)', async () => {
    for (const scheme of ['http', 'https']) {
      await register({ sector_identifier_uri: `${scheme}://${innerUrl}/`, subject_type: 'pairwise' });
      await register({ sector_identifier_uri: `${scheme}://localhost:${innerUrl.split(':')[1]}/` });
      const made = await register({
        jwks_uri: `${scheme}://${innerUrl}/`,
        token_endpoint_auth_method: 'private_key_jwt',
      });
      if (made.status !== 201) continue;
      const encode = (value: Json) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const exp = Math.floor(Date.now() / 1000) + 60;
      const claims = { iss: made.body.client_id, sub: made.body.client_id, aud: server.issuer, jti: 'a', exp };
      const response = await fetch(`${server.issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: 'x',
          client_id: String(made.body.client_id),
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: `${encode({ alg: 'ES256', kid: 'x' })}.${encode(claims)}.${'A'.repeat(86)}`,
        }),
      });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(await response.text()).not.toContain('127.0.0.1');
    }
    expect(knocks).toBe(0);
  });

  it('manages no other client, dynamic or not (RFC 7592 §2)', async () => {
    const [mine, other] = [await register(), await register()];
    const fixed = await makeClient(server);
    for (const clientId of [String(other.body.client_id), fixed.clientId]) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const body = method === 'PUT' ? { ...plain, client_id: clientId } : undefined;
        const answer = await send(method, `/register/${clientId}`, String(mine.body.registration_access_token), body);
        expect([401, 403]).toContain(answer.status);
      }
      expect(await server.inside(({ clients }) => clients.find(clientId))).toBeTruthy();
    }
  });

  it('always asks for consent: nobody can write otherwise', async () => {
    const { body } = await register();
    const clientId = String(body.client_id);
    const update = server.inside(async ({ clients }) =>
      clients.update(await clients.find(clientId), { consent_policy: 'implicit' } as never),
    );
    await expect(update).rejects.toMatchObject({ status: 409 });
    const written = server.inside(({ db }) =>
      db.manager.query(`UPDATE clients SET consent_policy = 'implicit' WHERE client_id = $1`, [clientId]),
    );
    await expect(written).rejects.toThrow('clients_dynamic_check');
  });
});
