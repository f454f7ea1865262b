import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../../src/platform/context.js';
import { ask, tokenWith } from '../../support/api.js';
import { Browser } from '../../support/browser.js';
import { authorizationUrl, errorOf, makePerson, pkce, signIn, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

type Json = Record<string, unknown>;

const roomy = { points: 100_000, seconds: 60 };
/** RFC 7591 §3.2.2 */
const refusalOf = (more: Json) => ('redirect_uris' in more ? 'invalid_redirect_uri' : 'invalid_client_metadata');
const metadata = { client_name: 'Self Made', redirect_uris: ['https://rp.example/cb'] };

describe('what a client registers with (RFC 7591 §3, §5)', () => {
  let server: TestServer;
  let manager: string;

  beforeAll(async () => {
    server = await startServer({
      overrides: { limits: { protocolFailures: roomy, clientRegistrations: { points: 12, seconds: 3600 } } },
    });
    manager = await tokenWith(server, 'clients:read clients:write');
  }, 180_000);
  afterAll(() => server?.close());

  async function send(method: string, url: string, token: string | undefined, body?: Json) {
    const response = await fetch(url, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : {}) as Json, headers: response.headers };
  }
  const register = (token: string | undefined, more: Json = {}, issuer = server.issuer) =>
    send('POST', `${issuer}/register`, token, { ...metadata, ...more });
  const issue = async (body: Json = {}) => {
    const answer = await ask(server, manager, 'post', '/initial-access-tokens', body);
    expect(answer.status).toBe(201);
    return answer.body as { id: string; initial_access_token: string };
  };
  const read = async (id: string) => (await ask(server, manager, 'get', `/initial-access-tokens/${id}`)).body;
  const change = (client: Json, more: Json) =>
    send('PUT', String(client.registration_client_uri), String(client.registration_access_token), {
      ...metadata,
      client_id: client.client_id,
      ...more,
    });

  it('is issued once and shown once, and registers as many clients as it says, fifty at a time', async () => {
    const { id, initial_access_token: token } = await issue({ uses: 3, description: 'for the partner' });
    const { items } = (await ask(server, manager, 'get', '/initial-access-tokens')).body as { items: Json[] };
    expect(items[0]).toMatchObject({ id, uses_left: 3, description: 'for the partner', last_used_at: null });
    expect(JSON.stringify(items)).not.toContain(token);
    const answers = await Promise.all(Array.from({ length: 50 }, () => register(token)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    for (const { status, body } of answers)
      if (status !== 201) expect([status, body.error]).toEqual([401, 'invalid_token']);
    expect(await read(id)).toMatchObject({ uses_left: 0, last_used_at: expect.any(String) });
    const made = answers.find(({ status }) => status === 201)?.body;
    const [event] = await server.inside(({ db }) =>
      db.manager.query(`SELECT data FROM audit_events WHERE name = 'client.created' AND data ->> 'client_id' = $1`, [
        made?.client_id,
      ]),
    );
    expect(event.data.initial_access_token_id).toBe(id);
  });

  it('registers one client where nothing else is said, and a registration that is refused has used nothing', async () => {
    const { id, initial_access_token: token } = await issue();
    expect((await register(token, { redirect_uris: ['http://rp.example/'] })).status).toBe(400);
    expect((await register(token, { token_endpoint_auth_method: 'client_secret_jwt' })).status).toBe(400);
    expect(await read(id)).toMatchObject({ uses_left: 1 });
    expect((await register(token)).status).toBe(201);
    expect((await register(token)).status).toBe(401);
  });

  it('is good until it ends or is revoked; what it has registered stays', async () => {
    const { id, initial_access_token: token } = await issue({ uses: 5, expires_in: 60 });
    const client = (await register(token)).body;
    expect((await ask(server, manager, 'delete', `/initial-access-tokens/${id}`)).status).toBe(204);
    expect((await register(token)).status).toBe(401);
    expect((await ask(server, manager, 'get', `/initial-access-tokens/${id}`)).status).toBe(404);
    expect((await change(client, { client_name: 'Still here' })).status).toBe(200);
    const other = await issue({ uses: 5, expires_in: 60 });
    await server.inside(({ db }) =>
      db.manager.query(`UPDATE initial_access_tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, [
        other.id,
      ]),
    );
    expect((await register(other.initial_access_token)).status).toBe(401);
  });

  it('nobody issues one for scopes that they do not hold', async () => {
    const answer = await ask(server, manager, 'post', '/initial-access-tokens', {
      policy: { scopes: ['users:write'] },
    });
    expect([answer.status, answer.body.code]).toEqual([403, 'scope_not_held']);
    for (const body of [{ uses: 0 }, { uses: 10_001 }, { expires_in: 0 }, { policy: { redirect_hosts: ['*'] } }])
      expect((await ask(server, manager, 'post', '/initial-access-tokens', body)).status).toBe(422);
  });

  it('its policy bounds what a client says of itself, then and later (RFC 7592 §2.2)', async () => {
    const policy = {
      scopes: ['openid', 'trips:read'],
      grant_types: ['authorization_code'],
      redirect_hosts: ['rp.example'],
    };
    const { initial_access_token: token } = await issue({ uses: 10, policy });
    const refused: Json[] = [
      { scope: 'openid email' },
      { scope: 'openid trips:write' },
      { grant_types: ['authorization_code', 'refresh_token'] },
      { redirect_uris: ['https://rp.example/cb', 'https://evil.example/cb'] },
      { post_logout_redirect_uris: ['https://evil.example/'] },
    ];
    for (const more of refused) {
      const { status, body } = await register(token, more);
      expect([more, status, body.error]).toEqual([more, 400, refusalOf(more)]);
    }
    const { status, body: client } = await register(token, { scope: 'openid trips:read' });
    expect([status, client.scope]).toEqual([201, 'openid trips:read']);
    let current = client;
    for (const more of refused) {
      const answer = await change(current, more);
      expect([more, answer.status, answer.body.error]).toEqual([more, 400, refusalOf(more)]);
    }
    const less = await change(current, { scope: 'openid' });
    expect([less.status, less.body.scope]).toEqual([200, 'openid']);
    current = { ...current, ...less.body };
    const again = await change(current, { scope: 'openid trips:read' });
    expect([again.status, again.body.scope]).toEqual([200, 'openid trips:read']);
  });

  it('a client that names no scope gets those of the policy, is told so, and keeps what it has (RFC 7591 §2, §3.2.1)', async () => {
    const { initial_access_token: token } = await issue({ policy: { scopes: ['openid', 'trips:read'] } });
    const { body: client } = await register(token);
    expect(client.scope).toBe('openid trips:read');
    const stored = () => server.inside(async ({ clients }) => clients.find(String(client.client_id)));
    expect((await stored()).metadata.scope).toBe('openid trips:read');
    await server.inside(async ({ clients }) => clients.update(await stored(), { scope: 'openid' }));
    const changed = await change(client, { client_name: 'Renamed' });
    expect([changed.status, changed.body.scope, (await stored()).metadata.scope]).toEqual([200, 'openid', 'openid']);
  });

  it('a client that names no scope may ask for no more than one that does: nothing of a resource (RFC 7591 §2)', async () => {
    const resource = 'https://orders.example';
    await server.inside(({ resources }) =>
      resources.create({ identifier: resource, name: 'Orders', scopes: [{ name: 'orders:admin' }] }),
    );
    const { body: client } = await register((await issue()).initial_access_token);
    expect(client.scope).toBe('openid profile email address phone offline_access');
    const party = {
      clientId: String(client.client_id),
      clientSecret: String(client.client_secret),
      redirectUri: 'https://rp.example/cb',
    };
    // Also one whose row has none.
    for (const member of ['nothing', 'scope']) {
      await server.inside(async ({ db, invalidation, tenants }) => {
        await db.manager.query('UPDATE clients SET metadata = metadata - $2::text WHERE client_id = $1', [
          party.clientId,
          member,
        ]);
        await invalidation.publish('client', `${(await tenants.find('default')).id}:${party.clientId}`);
      });
      const { email } = await makePerson(server);
      const url = authorizationUrl(server, party, pkce(), { resource, scope: 'openid orders:admin' });
      expect(errorOf(await signIn(new Browser(), url, email))).toBe('invalid_target');
    }
  });

  it('what an administrator takes away, a change of the client that was decided before does not bring back (RFC 7592 §2.2)', async () => {
    const { body: client } = await register((await issue()).initial_access_token);
    const id = String(client.client_id);
    const give = (scope: string) =>
      server.inside(async ({ clients }) => clients.update(await clients.find(id), { scope }));
    await give('openid orders:admin');
    const decided = { ...(await server.inside(({ clients }) => clients.engineMetadata(id))) };
    await give('openid');
    const late = server.inside(({ registeredClients }) => registeredClients.save(decided, undefined));
    await expect(late).rejects.toMatchObject({ status: 422, details: { issues: [{ pointer: '/scope' }] } });
    expect((await server.inside(({ clients }) => clients.find(id))).metadata.scope).toBe('openid');
  });

  it('says when the client was registered, in every answer (RFC 7591 §3.2.1)', async () => {
    const { body: client } = await register((await issue()).initial_access_token);
    const token = String(client.registration_access_token);
    const { body } = await send('GET', String(client.registration_client_uri), token);
    expect(Math.abs(Number(client.client_id_issued_at) - Date.now() / 1000)).toBeLessThan(30);
    expect(body.client_id_issued_at).toBe(client.client_id_issued_at);
  });

  describe('where everybody may register (§3: open registration)', () => {
    let issuer: string;
    let there: <T>(work: () => Promise<T>) => Promise<T>;

    beforeAll(async () => {
      const { tenants } = server.services;
      const tenant = await tenants.create({
        slug: 'open',
        name: 'Open',
        settings: { protocol: { registration: 'open', open_registration: { redirect_hosts: ['rp.example'] } } },
      });
      issuer = tenants.issuerOf(tenant);
      there = (work) => withContext({ tenantId: tenant.id }, work);
    });

    it('needs no token there, and one everywhere else, whatever is sent for one', async () => {
      const { status, body } = await register(undefined, {}, issuer);
      expect([status, body.client_name]).toEqual([201, 'Self Made']);
      const stored = await there(() => server.services.clients.find(String(body.client_id)));
      expect([stored.dynamic, stored.consentPolicy]).toEqual([true, 'explicit']);
      for (const token of [undefined, 'everybody', 'x'])
        expect((await register(token)).status).toBeGreaterThanOrEqual(400);
      expect((await register('x', {}, issuer)).status).toBe(401);
    });

    it('gets nothing in which no person takes part, and is sent only where the tenant says', async () => {
      for (const more of [
        { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
        { redirect_uris: ['https://evil.example/cb'] },
        { scope: 'openid users:write' },
      ])
        expect((await register(undefined, more, issuer)).status).toBe(400);
    });

    it('goes on to the policy of a token for whoever has one', async () => {
      const { value } = await there(() => server.services.initialAccessTokens.issue({}));
      const elsewhere = { redirect_uris: ['https://elsewhere.example/cb'] };
      expect((await register(value, elsewhere, issuer)).status).toBe(201);
      expect((await register(value, elsewhere, issuer)).status).toBe(401);
    });

    it('what whoever brings no token is given there nobody can send, however it is spelled: they are counted (RFC 7591 §5)', async () => {
      for (const authorization of ['Bearer everybody', 'bearer everybody', 'BEARER everybody', 'Bearer EVERYBODY']) {
        const response = await fetch(`${issuer}/register`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(metadata),
        });
        expect([authorization, response.status]).toEqual([authorization, 401]);
      }
    });

    it('so many from one address, and no more (RFC 7591 §5)', async () => {
      let last = await register(undefined, {}, issuer);
      for (let time = 0; time < 12 && last.status === 201; time += 1) last = await register(undefined, {}, issuer);
      expect([last.status, last.body.error]).toEqual([429, 'slow_down']);
      expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
      const { value } = await there(() => server.services.initialAccessTokens.issue({}));
      expect((await register(value, {}, issuer)).status).toBe(201);
    });
  });

  it('signs people in with what it was given', async () => {
    const { body: client } = await register((await issue()).initial_access_token);
    const { email } = await makePerson(server);
    const party = {
      clientId: String(client.client_id),
      clientSecret: String(client.client_secret),
      redirectUri: 'https://rp.example/cb',
    };
    expect((await tokensFor(server, party, email)).access_token).toBeTruthy();
  });
});
