import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { installationScopes, managementScopes } from '../../src/management.js';
import { ask, tokenWith } from '../support/api.js';
import { raw } from '../support/attack.js';
import { Browser } from '../support/browser.js';
import { until } from '../support/pair.js';
import { introspect, makePerson, post, refresh } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at, furnish, type House, sharedByAll } from '../support/tenancy.js';
import { fillEveryTable, rowsOfTenant, tenantTables } from '../support/tenant-tables.js';

const wellKnown = '/.well-known/openid-configuration';
const status = async (url: string) => (await fetch(url, { redirect: 'manual' })).status;

describe('tenants through the API of the installation', () => {
  let server: TestServer;
  let token: string;
  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, path, body, headers);
  const make = async (slug: string, more: object = {}) => {
    const { status: made, body } = await api('post', '/tenants', { slug, name: slug, ...more });
    expect(made).toBe(201);
    return body;
  };

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, Object.keys(installationScopes).join(' '));
  }, 180_000);
  afterAll(() => server?.close());

  it('makes an issuer with keys before its first request', async () => {
    const body = await make('acme', { settings: { branding: { primary_color: '#112233' } } });
    expect(body).toMatchObject({
      slug: 'acme',
      issuer: `${server.issuer}/t/acme`,
      host: null,
      state: 'active',
      settings: { branding: { primary_color: '#112233' } },
      version: 1,
    });
    const keys = await server.services.db.manager.query(
      'SELECT alg, status FROM signing_keys WHERE tenant_id = $1 ORDER BY alg, status',
      [body.id],
    );
    expect(keys).toEqual(['ES256', 'RS256'].flatMap((alg) => ['current', 'next'].map((status) => ({ alg, status }))));
    const discovery = await (await fetch(`${body.issuer}${wellKnown}`)).json();
    expect(discovery).toMatchObject({ issuer: body.issuer });
  });

  it('is found by slug and by id, and listed newest first, page by page', async () => {
    const made = [await make('one'), await make('two'), await make('three')];
    for (const { id, slug } of made) {
      expect((await api('get', `/tenants/${slug}`)).body.id).toBe(id);
      const read = await api('get', `/tenants/${id}`);
      expect([read.body.slug, read.headers.get('etag')]).toEqual([slug, '"1"']);
    }
    expect((await api('get', '/tenants/nobody')).status).toBe(404);
    expect((await api('get', `/tenants/${randomUUID()}`)).status).toBe(404);
    const seen: string[] = [];
    for (let cursor: string | null | undefined = ''; cursor !== null; ) {
      const page = await api('get', `/tenants?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...(page.body.items as { slug: string }[]).map(({ slug }) => slug));
      cursor = page.body.next_cursor as string | null;
    }
    expect(seen.slice(0, 3)).toEqual(['three', 'two', 'one']);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toContain('default');
    expect(JSON.stringify((await api('get', '/tenants')).body)).not.toMatch(/secret|sealed/);
  });

  it.each([
    ['a reserved word', { slug: 'default' }],
    ['a name that mail clients look for', { slug: 'autodiscover' }],
    ['an id', { slug: randomUUID() }],
    ['an A-label', { slug: 'xn--bcher-kva' }],
    ['a hyphen at the end', { slug: 'acme-' }],
    ['more than a label', { slug: 'a'.repeat(64) }],
    ['capitals', { slug: 'Acme' }],
    ['a host with a dot at its end', { slug: 'h1', host: 'acme.example.' }],
    ['a host with an empty label', { slug: 'h2', host: 'acme..example' }],
    ['a host that is international, unless as A-labels', { slug: 'h3', host: 'bücher.example' }],
    ['an address in another spelling', { slug: 'h4', host: '127.1' }],
    ['a host with credentials', { slug: 'h5', host: 'a@b.example' }],
    ['a host with the usual port', { slug: 'h6', host: 'acme.localhost:80' }],
    ['a host elsewhere where the installation is http (RFC 8414 §2)', { slug: 'h9', host: 'acme.example' }],
    ['a host with a path', { slug: 'h7', host: 'acme.example/x' }],
    ['a host beyond 253', { slug: 'h8', host: `${'a'.repeat(250)}.example` }],
    ['a privileged member', { slug: 'h9', secretsSealed: 'x' }],
  ])('refuses %s', async (_what, input) => {
    expect((await api('post', '/tenants', { name: 'X', ...input })).status).toBe(422);
  });

  it('refuses the address of the installation as anybody’s host', async () => {
    const { host } = new URL(server.issuer);
    for (const spelling of [host, host.toUpperCase()]) {
      const { status: refused, body } = await api('post', '/tenants', { slug: 'thief', name: 'T', host: spelling });
      expect([refused, JSON.stringify(body.errors)]).toEqual([422, expect.stringContaining('/host')]);
    }
    expect((await api('patch', '/tenants/acme', { host })).status).toBe(422);
    expect((await api('patch', '/tenants/default', { host: 'mine.example' })).status).toBe(422);
    expect(await status(`${server.issuer}${wellKnown}`)).toBe(200);
  });

  it('lets one of many who want a slug or a host at once have it: 409 for the others', async () => {
    for (const input of [
      (n: number) => ({ slug: 'race', name: `${n}` }),
      (n: number) => ({ slug: `r${n}`, name: 'R', host: 'race.localhost' }),
    ]) {
      const answers = await Promise.all(Array.from({ length: 5 }, (_, n) => api('post', '/tenants', input(n))));
      expect(answers.map((one) => one.status).sort()).toEqual([201, 409, 409, 409, 409]);
    }
  });

  it('does a repeated POST once (Idempotency-Key)', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const once = () => api('post', '/tenants', { slug: 'once', name: 'Once' }, headers);
    const both = await Promise.all([once(), once()]);
    const repeated = await once();
    expect(repeated.status).toBe(201);
    for (const { status: answered, body } of both)
      expect([answered, body.id]).toEqual(answered === 201 ? [201, repeated.body.id] : [409, undefined]);
    const all = (await api('get', '/tenants?limit=100')).body.items as { slug: string }[];
    expect(all.filter(({ slug }) => slug === 'once')).toHaveLength(1);
  });

  it('changes only the version the caller saw, and takes a member away with null (RFC 9110 §13.1.1, RFC 7396)', async () => {
    await make('patched', { settings: { sign_in_layout: 'one_page', branding: { company_name: 'P' } } });
    const path = '/tenants/patched';
    const first = await api('patch', path, { name: 'P2' }, { 'if-match': '"1"' });
    expect([first.status, first.body.version]).toEqual([200, 2]);
    expect((await api('patch', path, { name: 'P3' }, { 'if-match': '"1"' })).status).toBe(412);
    const { body } = await api('patch', path, { settings: { sign_in_layout: null } });
    expect(body.settings).toEqual({ branding: { company_name: 'P' } });
    expect((await api('patch', path, { slug: 'other' })).status).toBe(422);
  });

  it('another host is another issuer: the old one answers nobody any more', async () => {
    const { issuer } = await make('moving');
    expect(await status(`${issuer}${wellKnown}`)).toBe(200);
    const { body } = await api('patch', '/tenants/moving', { host: 'login.moving.localhost' });
    expect(body.issuer).toBe('http://login.moving.localhost');
    expect(await status(`${issuer}${wellKnown}`)).toBe(404);
    await api('patch', '/tenants/moving', { host: null });
    expect(await status(`${issuer}${wellKnown}`)).toBe(200);
  });

  it('what an issuer has signed is nothing at another host of its tenant (RFC 9068 §4); rows of the tenant go on there', async () => {
    await make('signed');
    const tenant = await server.services.tenants.find('signed');
    const there = at(server, tenant);
    const { party, jwt, machineToken, apiToken } = await furnish(there, tenant, await sharedByAll());
    expect((await introspect(there, party, jwt)).body.active).toBe(true);
    await api('patch', '/tenants/signed', { host: 'login.signed.localhost' });
    const basic = Buffer.from(`${party.clientId}:${party.clientSecret}`).toString('base64');
    const active = async (token: string) => {
      const body = new URLSearchParams({ token }).toString();
      const answer = await raw(
        server,
        `POST /introspect HTTP/1.1\r\nHost: login.signed.localhost\r\nConnection: close\r\nAuthorization: Basic ${basic}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      return /"active":true/.test(answer);
    };
    expect([await active(jwt), await active(machineToken)]).toEqual([false, true]);
    // RFC 8707 §2: made for the API of the old issuer, it is not for that of the new one.
    const users = await raw(
      server,
      `GET /api/v1/users HTTP/1.1\r\nHost: login.signed.localhost\r\nConnection: close\r\nAuthorization: Bearer ${apiToken}\r\n\r\n`,
    );
    expect(users).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('gives a link once that makes the first administrator, who may do everything there and nothing here', async () => {
    const { issuer } = await make('begun');
    const { status: made, body } = await api('post', '/tenants/begun/setup-links', undefined);
    expect([made, body.expires_in]).toEqual([201, 1800]);
    expect(String(body.link).startsWith(`${issuer}/setup?token=`)).toBe(true);
    const other = await api('post', '/tenants/begun/setup-links');
    const browser = new Browser();
    expect((await browser.open(String(body.link))).status).toBe(400);
    const page = await browser.open(String(other.body.link));
    const done = await browser.submit(page, {
      username: 'first@begun.example',
      password: 'copper lantern upstream 42',
    });
    expect(done.html).toContain('client_id');
    const [client] = (await server.services.db.manager.query(
      `SELECT metadata ->> 'scope' AS scope FROM clients WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'begun')`,
    )) as { scope: string }[];
    expect(client?.scope).toContain('roles:write');
    expect(client?.scope).not.toContain('tenants');
    expect((await api('post', '/tenants/begun/setup-links')).status).toBe(409);
  });

  it('makes nobody administrator of the installation for less than everything: tenants:write appoints at other tenants', async () => {
    const path = '/tenants/default/setup-links';
    const refused = await api('post', path);
    expect([refused.status, refused.body.code]).toEqual([403, 'scope_not_held']);
    const all = await tokenWith(server, Object.keys({ ...managementScopes, ...installationScopes }).join(' '));
    expect((await ask(server, all, 'post', path)).status).toBe(201);
  });

  it('nobody gives a client of the installation more than they have: tenants:write is a scope like any other', async () => {
    const weak = await tokenWith(server, 'clients:read clients:write');
    const strong = {
      client_name: 'S',
      grant_types: ['client_credentials'],
      response_types: [],
      scope: 'tenants:write',
    };
    expect((await ask(server, weak, 'post', '/clients', strong)).status).toBe(403);
  });

  it('neither suspends nor deletes the tenant default', async () => {
    for (const [method, path] of [
      ['put', '/tenants/default/suspension'],
      ['delete', '/tenants/default'],
    ] as const) {
      const answer = await api(method, path);
      expect([answer.status, answer.body.code]).toEqual([409, 'default_tenant']);
    }
    expect(await status(`${server.issuer}${wellKnown}`)).toBe(200);
  });

  describe('a tenant that is suspended', () => {
    let house: House;
    beforeAll(async () => {
      const tenant = await server.services.tenants.create({ slug: 'paused', name: 'Paused' });
      house = await furnish(at(server, tenant), tenant, await sharedByAll());
    });

    it('answers at no door, sends no mail, and is as it was when it is resumed', async () => {
      const { issuer, inside } = house.server;
      const addresses = [
        wellKnown,
        '/jwks',
        '/userinfo',
        '/api/v1/users',
        '/api/v1/openapi.json',
        `/setup?token=${house.setupToken}`,
        `/password?token=${house.passwordToken}`,
        '/dev/mailbox',
        '/interaction/x',
        '/logout',
      ];
      const withToken = (path: string, bearer: string) =>
        fetch(issuer + path, { redirect: 'manual', headers: { authorization: `Bearer ${bearer}` } });
      expect((await withToken('/api/v1/users', house.apiToken)).status).toBe(200);
      expect((await api('put', '/tenants/paused/suspension')).status).toBe(204);
      for (const path of addresses)
        for (const bearer of [house.apiToken, String(house.tokens.access_token)])
          expect([path, (await withToken(path, bearer)).status]).toEqual([path, 404]);
      const page = await fetch(`${issuer}/authorize`, { headers: { accept: 'text/html' } });
      const nobody = await fetch(`${server.issuer}/t/nobody/authorize`, { headers: { accept: 'text/html' } });
      const words = async (answer: Response) => (await answer.text()).replace(/[0-9a-f-]{36}|[\w-]{20,}/g, '');
      expect([page.status, await words(page)]).toEqual([nobody.status, await words(nobody)]);

      const before = await mailsOf(house);
      await inside(({ mail }) => mail.send('account_locked', house.email, { until: new Date().toISOString() }));
      const put = (): Promise<{ run_at: Date }[]> =>
        server.services.db.manager.query(
          `SELECT run_at FROM graphile_worker.jobs WHERE task_identifier = 'mail.send' AND run_at > now() + interval '30 seconds'`,
        );
      await until('the mail is put off', async () => (await put()).length > 0, 10_000);
      expect((await mailsOf(house)).filter(({ status: sent }) => sent === 'sent')).toEqual(
        before.filter(({ status: sent }) => sent === 'sent'),
      );

      expect((await api('delete', '/tenants/paused/suspension')).status).toBe(204);
      expect((await withToken('/api/v1/users', house.apiToken)).status).toBe(200);
      expect((await withToken('/userinfo', String(house.tokens.access_token))).status).toBe(200);
      await server.services.db.manager.query('UPDATE graphile_worker._private_jobs SET run_at = now()');
      await server.inside(({ jobs }) => jobs.enqueue('tenants.delete', {}));
      await until(
        'the mail is sent',
        async () => (await mailsOf(house)).every(({ status: sent }) => sent === 'sent'),
        10_000,
      );
    }, 180_000);

    it('is recorded in the history of the installation', async () => {
      const reader = await tokenWith(server, 'audit:read');
      for (const name of ['tenant.suspended', 'tenant.resumed']) {
        const { body } = await ask(server, reader, 'get', `/audit-events?name=${name}`);
        expect(body.items).toEqual([
          expect.objectContaining({ name, data: expect.objectContaining({ slug: 'paused' }) }),
        ]);
      }
    });
  });

  const mailsOf = (house: House): Promise<{ status: string }[]> =>
    server.services.db.manager.query('SELECT status FROM mail_messages WHERE tenant_id = $1 ORDER BY id', [
      house.ids.tenant,
    ]);

  describe('a tenant that is deleted', () => {
    it('is refused at once, leaves no row in any table, and its slug begins anew: nothing of the old one works there', async () => {
      const { tenants, db } = server.services;
      const tenant = await tenants.create({ slug: 'gone', name: 'Gone' });
      const shared = await sharedByAll();
      const old = await furnish(at(server, tenant), tenant, shared);
      await ask(
        old.server,
        old.apiToken,
        'post',
        '/clients',
        { client_name: 'K', redirect_uris: ['https://k.example'] },
        {
          'idempotency-key': 'k',
        },
      );
      await at(server, tenant).inside(({ mail }) =>
        mail.send('account_locked', old.email, { until: new Date().toISOString() }),
      );
      const others = await makePerson(server);
      await server.services.auditSealing.run();
      await server.services.auditCheckpoints.run();
      await fillEveryTable(db, tenant.id);
      const left = () => rowsOfTenant(db, tenant.id);
      expect(Object.keys(await left()).sort()).toEqual((await tenantTables(db)).sort());

      const asked = await api('delete', '/tenants/gone', undefined, { 'if-match': '"1"' });
      expect([asked.status, asked.body.state]).toEqual([202, 'deleting']);
      expect(await status(`${old.server.issuer}${wellKnown}`)).toBe(404);
      await until('the tenant is gone', async () => (await api('get', '/tenants/gone')).status === 404, 20_000);
      expect(await left()).toEqual({});
      expect((await server.inside(({ users }) => users.find(others.id))).id).toBe(others.id);

      const reader = await tokenWith(server, 'audit:read');
      const { body } = await ask(server, reader, 'get', '/audit-events?name=tenant.deleted');
      const [{ data }] = body.items as [{ data: { slug: string; rows: Record<string, number> } }];
      // The people whom furnish() makes.
      expect([data.slug, data.rows.users, data.rows.session_handles]).toEqual(['gone', 4, expect.any(Number)]);

      const again = await tenants.create({ slug: 'gone', name: 'Gone again' });
      const next = await furnish(at(server, again), again, shared);
      expect(next.server.issuer).toBe(old.server.issuer);
      const cookie = [...old.browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
      const silent = await fetch(
        `${next.server.issuer}/authorize?${new URLSearchParams({
          client_id: 'shared',
          response_type: 'code',
          redirect_uri: 'https://rp.example/cb',
          scope: 'openid',
          prompt: 'none',
          code_challenge: 'c'.repeat(43),
          code_challenge_method: 'S256',
        })}`,
        { headers: { cookie }, redirect: 'manual' },
      );
      expect(silent.headers.get('location')).toContain('error=login_required');
      for (const one of [old.tokens.access_token, old.tokens.refresh_token, old.jwt, old.machineToken, old.apiToken])
        expect((await introspect(next.server, next.party, String(one))).body).toEqual({ active: false });
      expect((await refresh(next.server, next.party, String(old.tokens.refresh_token))).body.error).toBe(
        'invalid_grant',
      );
      expect((await post(next.server, '/token', old.own, { grant_type: 'client_credentials' })).status).toBe(401);
      expect((await ask(next.server, old.apiToken, 'get', '/users')).status).toBe(401);
      for (const link of [`/setup?token=${old.setupToken}`, `/password?token=${old.passwordToken}`])
        expect(await status(next.server.issuer + link)).toBe(400);
    }, 180_000);

    it('is found by an index in every table: other tenants’ rows are not read', async () => {
      const { db } = server.services;
      const tables = await tenantTables(db);
      await db.transaction(async () => {
        await db.manager.query('SET LOCAL enable_seqscan = off');
        for (const table of tables) {
          const plan = (await db.manager.query(
            `EXPLAIN DELETE FROM ${table} WHERE tenant_id = '${randomUUID()}' AND ctid = ANY (ARRAY(
               SELECT ctid FROM ${table} WHERE tenant_id = '${randomUUID()}' LIMIT 1000))`,
          )) as { 'QUERY PLAN': string }[];
          const text = plan.map((row) => row['QUERY PLAN']).join('\n');
          expect([table, /Index Cond: \(tenant_id/.test(text), text.includes('Seq Scan')]).toEqual([
            table,
            true,
            false,
          ]);
        }
        // Foreign keys: each is checked by an index of the table that refers.
        const unindexed = await db.manager.query(`
          SELECT f.conname FROM pg_constraint f
           WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace AND NOT EXISTS (
             SELECT 1 FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indpred IS NULL
                AND (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey)`);
        expect(unindexed).toEqual([]);
      });
    });
  });
});
