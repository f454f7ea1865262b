import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EgressError } from '../../../src/platform/egress.js';
import { Browser } from '../../support/browser.js';
import { until } from '../../support/pair.js';
import { authorizationUrl, codeOf, errorOf, makePerson, password, pkce, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const redirectUri = 'https://tool.example/cb';

describe('a client that is the address of a document (OAuth Client ID Metadata Document)', () => {
  let server: TestServer;
  let count = 0;
  /** What the host answers, by address; whatever is not here, it does not know. */
  const answers = new Map<string, () => Response>();
  const fetched: string[] = [];

  const say = (clientId: string, more: object = {}, headers: Record<string, string> = {}) =>
    answers.set(clientId, () =>
      Response.json({ client_id: clientId, client_name: 'Tool', redirect_uris: [redirectUri], ...more }, { headers }),
    );
  const newClient = (more: object = {}, headers: Record<string, string> = {}) => {
    count += 1;
    const clientId = `https://tool.example/clients/${count}.json`;
    say(clientId, more, headers);
    return clientId;
  };
  const party = (clientId: string) => ({ clientId, clientSecret: '', redirectUri });
  const authorize = (clientId: string, more: Record<string, string> = {}) =>
    fetch(authorizationUrl(server, party(clientId), pkce(), more), { redirect: 'manual' });
  const discovery = async () =>
    (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
  const allow = async (hosts: string[], scopes?: string[]) => {
    const tenant = await server.services.tenants.find('default');
    await server.services.tenants.update(tenant, {
      settings: { protocol: { client_id_metadata_documents: { hosts, ...(scopes ? { scopes } : {}) } } },
    });
    await until(
      'the engine was built anew',
      async () => ((await discovery()).client_id_metadata_document_supported === true) === hosts.length > 0,
    );
  };
  /** As when the time has come. */
  const expire = (clientId: string, seconds = 1) =>
    server.inside(async ({ db, invalidation, tenants }) => {
      await db.manager.query(
        `UPDATE clients SET document_expires_at = now() - make_interval(secs => $2) WHERE client_id = $1`,
        [clientId, seconds],
      );
      const { id } = await tenants.find('default');
      await invalidation.publish('client', `${id}:${clientId}`);
    });
  const token = async (clientId: string, form: Record<string, string>) => {
    const body = new URLSearchParams({ client_id: clientId, ...form });
    const response = await fetch(`${server.issuer}/token`, { method: 'POST', body });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  /** As far as the page that asks for consent. */
  async function asked(browser: Browser, url: string, email: string) {
    let page = await browser.open(url);
    for (let step = 0; step < 4 && !page.html.includes('consent-allow'); step += 1)
      page = await browser.submit(
        page,
        page.html.includes('name="password"') ? { username: email, password } : { username: email },
      );
    expect(page.html).toContain('consent-allow');
    return page;
  }
  async function signedIn(clientId: string) {
    const { email } = await makePerson(server);
    const proof = pkce();
    const page = await signIn(new Browser(), authorizationUrl(server, party(clientId), proof), email);
    return token(clientId, {
      grant_type: 'authorization_code',
      code: codeOf(page),
      redirect_uri: redirectUri,
      code_verifier: proof.verifier,
    });
  }

  beforeAll(async () => {
    server = await startServer();
    server.services.egress.fetch = async (input) => {
      fetched.push(String(input));
      const answer = answers.get(String(input));
      return answer ? answer() : new Response('', { status: 404 });
    };
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(() => {
    fetched.length = 0;
  });

  it('is no client and is not fetched, where the tenant names no hosts', async () => {
    const clientId = newClient();
    expect((await discovery()).client_id_metadata_document_supported).toBeUndefined();
    expect((await authorize(clientId)).status).toBe(400);
    expect((await token(clientId, { grant_type: 'refresh_token', refresh_token: 'x' })).body.error).toBe(
      'invalid_client',
    );
    expect(fetched).toEqual([]);
  });

  describe('where the tenant names its host', () => {
    beforeAll(() => allow(['tool.example']));

    it('is published (§5), and nothing is fetched from elsewhere', async () => {
      expect((await discovery()).client_id_metadata_document_supported).toBe(true);
      for (const clientId of [
        'https://evil.example/c',
        'https://a.tool.example/c',
        'https://tool.example/',
        'https://tool.example/c?q',
      ])
        expect((await authorize(clientId)).status).toBe(400);
      expect(fetched).toEqual([]);
    });

    it('signs people in, and is asked for consent with the host that has proved it, apart from its name (§6.4)', async () => {
      const clientId = newClient({ client_name: 'Your Bank', grant_types: ['authorization_code', 'refresh_token'] });
      const { email } = await makePerson(server);
      const browser = new Browser();
      const proof = pkce();
      const url = authorizationUrl(server, party(clientId), proof, {
        scope: 'openid offline_access',
        prompt: 'consent',
      });
      let page = await asked(browser, url, email);
      expect(page.html).toMatch(/really belongs to <b>(<bdi>)?tool\.example/);
      expect(page.html).toContain('Your Bank');
      page = await browser.submit(page, { decision: 'allow' });
      const { status, body } = await token(clientId, {
        grant_type: 'authorization_code',
        code: codeOf(page),
        redirect_uri: redirectUri,
        code_verifier: proof.verifier,
      });
      expect([status, typeof body.refresh_token]).toEqual([200, 'string']);
      const stored = await server.inside(({ clients }) => clients.find(clientId));
      expect([stored.dynamic, stored.consentPolicy]).toEqual([true, 'explicit']);
    });

    /** As far as a token, agreeing to whatever is asked. @returns its scopes, but those about people, or the error that came instead. */
    async function givenAt(resource: string, scope: string, clientId: string, roles: string[] = []) {
      count += 1;
      const { email } = await server.inside(async ({ users, passwords }) => {
        const person = { email: `agrees-${count}@example.com`, email_verified: true };
        const user = await users.create(person as never, roles);
        await passwords.set(user, password);
        return user;
      });
      const proof = pkce();
      const url = authorizationUrl(server, party(clientId), proof, { resource, scope: `openid ${scope}` });
      const page = await signIn(new Browser(), url, email);
      if (errorOf(page)) return errorOf(page);
      const { status, body } = await token(clientId, {
        grant_type: 'authorization_code',
        code: codeOf(page),
        redirect_uri: redirectUri,
        code_verifier: proof.verifier,
        resource,
      });
      expect(status).toBe(200);
      return String(body.scope ?? '')
        .split(' ')
        .filter((name) => name && name !== 'openid');
    }

    it('is given nothing of the management API, whatever it says of itself and whoever agrees', async () => {
      const clientId = newClient({ scope: 'openid users:write clients:write keys:write' });
      expect(await givenAt(`${server.issuer}/api`, 'users:write keys:write', clientId, ['ADMIN'])).toBe(
        'invalid_target',
      );
      for (const scopes of [['openid', 'users:write'], ['tenants:write']])
        await expect(allow(['tool.example'], scopes)).rejects.toMatchObject({ status: 422 });
    });

    it('is given of the resources of the tenant what the tenant names for such clients, said or unsaid', async () => {
      const resource = 'https://orders.example';
      await server.inside(({ resources }) =>
        resources.create({ identifier: resource, name: 'Orders', scopes: [{ name: 'orders' }, { name: 'refunds' }] }),
      );
      const [said, unsaid] = [newClient({ scope: 'openid orders refunds' }), newClient()];
      for (const one of [said, unsaid]) expect(await givenAt(resource, 'orders refunds', one)).toBe('invalid_target');
      await allow(['tool.example'], ['openid', 'orders']);
      for (const one of [said, unsaid]) expect(await givenAt(resource, 'orders refunds', one)).toEqual(['orders']);
      await allow(['tool.example']);
      for (const one of [said, unsaid]) expect(await givenAt(resource, 'orders refunds', one)).toBe('invalid_target');
    });

    it('is given of a resource that is open to such clients what it asks for, and takes less if its document says so', async () => {
      const resource = 'https://open.example';
      const scopes = [{ name: 'read' }, { name: 'write' }];
      await server.inside(({ resources }) =>
        resources.create({ identifier: resource, name: 'Open', scopes, dynamic_clients: true }),
      );
      expect(await givenAt(resource, 'read write', newClient())).toEqual(['read', 'write']);
      expect(await givenAt(resource, 'read write', newClient({ scope: 'openid read' }))).toEqual(['read']);
    });

    it('asks about people no more than the tenant lets such clients ask', async () => {
      const clientId = newClient({ scope: 'openid email profile' });
      const refusal = async (scope: string) =>
        new URL((await authorize(clientId, { scope })).headers.get('location') ?? '', server.issuer).searchParams.get(
          'error',
        );
      expect(await refusal('openid email')).toBeNull();
      await allow(['tool.example'], ['openid', 'profile']);
      expect(await refusal('openid profile')).toBeNull();
      expect(await refusal('openid email')).toBe('invalid_scope');
      await allow(['tool.example']);
      expect(await refusal('openid email')).toBeNull();
    });

    it('is nothing proved on the machine of whoever uses it (RFC 8252 §8.6)', async () => {
      const clientId = newClient({ redirect_uris: ['http://127.0.0.1/cb'] });
      const { email } = await makePerson(server);
      const url = authorizationUrl(server, { ...party(clientId), redirectUri: 'http://127.0.0.1:4711/cb' }, pkce());
      const page = await asked(new Browser(), url, email);
      expect(page.html).not.toContain('really belongs to');
      expect(page.html).toContain('127.0.0.1:4711');
    });

    it('is fetched once for all who ask at the same time, and not again while it holds (§4.4)', async () => {
      const clientId = newClient({}, { 'cache-control': 'max-age=600' });
      const all = await Promise.all(Array.from({ length: 50 }, () => authorize(clientId)));
      expect(new Set(all.map(({ status }) => status))).toEqual(new Set([303]));
      expect(fetched).toEqual([clientId]);
      const { documentExpiresAt } = await server.inside(({ clients }) => clients.find(clientId));
      expect(Math.abs(Number(documentExpiresAt?.getTime()) - Date.now() - 600_000)).toBeLessThan(30_000);
    });

    it('is what its document says now, as soon as what was read holds no longer', async () => {
      const clientId = newClient();
      expect((await authorize(clientId)).status).toBe(303);
      say(clientId, { redirect_uris: ['https://tool.example/other'] });
      expect((await authorize(clientId)).status).toBe(303);
      await expire(clientId);
      expect((await authorize(clientId)).status).toBe(400);
      expect((await authorize(clientId, { redirect_uri: 'https://tool.example/other' })).status).toBe(303);
      const updates = await server.inside(({ db }) =>
        db.manager.query(`SELECT data FROM audit_events WHERE name = 'client.updated' AND data ->> 'client_id' = $1`, [
          clientId,
        ]),
      );
      expect(updates).toEqual([{ data: { client_id: clientId, changed: ['redirect_uris'] } }]);
    });

    it('ends with its document, and outlives the silence of its host for an hour', async () => {
      const clientId = newClient({ grant_types: ['authorization_code', 'refresh_token'] });
      const { body } = await signedIn(clientId);
      expect(body.access_token).toBeTruthy();
      for (const silence of [
        () => new Response('', { status: 503 }),
        () => {
          throw new EgressError('unreachable', 'nobody there');
        },
      ]) {
        answers.set(clientId, silence);
        await expire(clientId);
        expect((await authorize(clientId)).status).toBe(303);
        await expire(clientId, 3_700);
        expect((await authorize(clientId)).status).toBe(400);
      }
      answers.delete(clientId);
      await expire(clientId);
      expect((await authorize(clientId)).status).toBe(400);
      const refused = await token(clientId, { grant_type: 'refresh_token', refresh_token: 'x' });
      expect(refused.body.error).toBe('invalid_client');
      say(clientId);
      expect((await authorize(clientId)).status).toBe(303);
    });

    it('is left no row by what is not taken', async () => {
      for (const more of [
        { client_secret: 'x' },
        { client_id: 'https://tool.example/another' },
        { redirect_uris: [] },
      ]) {
        const clientId = newClient(more);
        expect((await authorize(clientId)).status).toBe(400);
        expect(fetched).toContain(clientId);
        await expect(server.inside(({ clients }) => clients.find(clientId))).rejects.toMatchObject({ status: 404 });
      }
    });

    it('stays disabled, whatever its document says, and is not fetched meanwhile', async () => {
      const clientId = newClient();
      const { body } = await signedIn(clientId);
      await server.inside(async ({ clients }) => clients.disable(await clients.find(clientId)));
      await expire(clientId);
      fetched.length = 0;
      expect((await authorize(clientId)).status).toBe(400);
      expect(fetched).toEqual([]);
      const headers = { authorization: `Bearer ${body.access_token}` };
      expect((await fetch(`${server.issuer}/userinfo`, { headers })).status).toBe(401);
    });

    it('ends at once where the tenant takes its host back', async () => {
      const clientId = newClient();
      expect((await authorize(clientId)).status).toBe(303);
      await allow(['other.example']);
      expect((await authorize(clientId)).status).toBe(400);
      await allow(['tool.example']);
      expect((await authorize(clientId)).status).toBe(303);
    });

    it('is never trusted without asking, whatever an administrator says', async () => {
      const clientId = newClient();
      await authorize(clientId);
      const update = server.inside(async ({ clients }) =>
        clients.update(await clients.find(clientId), { consent_policy: 'implicit' }),
      );
      await expect(update).rejects.toMatchObject({ status: 409 });
    });
  });
});
