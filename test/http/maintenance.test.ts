// R130: a tenant is closed for maintenance. People are told so, their tokens stay verifiable, whoever administers comes in.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Command } from 'commander';
import { addMaintenance } from '../../src/commands/maintenance.js';
import { endpointsOf } from '../../src/endpoints.js';
import { flagKey } from '../../src/features/maintenance/maintenance-flags.js';
import { goesOn, grantGoesOn, staysOpen } from '../../src/maintenance-doors.js';
import { installationScopes, managementScopes } from '../../src/management.js';
import { engineRoutes } from '../../src/oidc/routes.js';
import { wordsOf } from '../../src/platform/requirement.js';
import { ask, makeManager, managementToken, tokenWith } from '../support/api.js';
import { makeAdministrator, makeApiKey } from '../support/api-keys.js';
import { mountedRoutes } from '../support/mounted.js';
import {
  authorizationUrl,
  introspect,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  refresh,
  tokensFor,
} from '../support/party.js';
import { defaultKind, freePort, startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

let server: TestServer;
let operator: string;
let keeper: string;
let metrics: string;

beforeAll(async () => {
  const metricsPort = await freePort();
  metrics = `http://127.0.0.1:${metricsPort}/metrics`;
  // Metrics are served outside of tests only.
  server = await startServer({
    environment: { NODE_ENV: 'development', METRICS_PORT: String(metricsPort), DEMO: 'false' },
  });
  operator = await tokenWith(server, Object.keys(installationScopes).join(' '));
  keeper = await tokenWith(server, 'maintenance:write health:read audit:read');
}, 180_000);
afterAll(() => server?.close());

const close = (input: object = {}) => ask(server, keeper, 'put', '/maintenance', input);
const open = () => ask(server, keeper, 'delete', '/maintenance');
const closed = async (work: () => Promise<void>, input: object = {}) => {
  expect((await close(input)).status).toBe(200);
  try {
    await work();
  } finally {
    expect((await open()).status).toBe(204);
  }
};
const page = { headers: { accept: 'text/html' }, redirect: 'manual' } as const;

describe('every door', () => {
  const concrete = (path: string) => path.replace(/\{.*\}/, '').replace(/:\w+/g, 'x');
  const asked = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.issuer}${concrete(path)}`, { method, headers, redirect: 'manual' });
    const { status } = response;
    return { status, retryAfter: response.headers.get('retry-after'), text: await response.text() };
  };

  it('that people and programs come to is closed, unless the table names it', async () => {
    const routes = [
      ...mountedRoutes(server),
      ...engineRoutes.flatMap(({ path, withId }) =>
        ['GET', 'POST'].flatMap((method) => [`${method} ${path}`, ...(withId ? [`${method} ${path}/:id`] : [])]),
      ),
    ].map((route) => route.split(' ') as [string, string]);
    expect(routes.length).toBeGreaterThan(120);
    await closed(async () => {
      const wrong: string[] = [];
      for (const [method, path] of routes) {
        const { status, retryAfter, text } = await asked(method, path);
        const isOpen = staysOpen(concrete(path));
        if (isOpen === (status === 503) || (!isOpen && !(Number(retryAfter) > 0)))
          wrong.push(`${method} ${path} ${status}`);
        if (!isOpen) expect(text).toMatch(/maintenance/);
      }
      expect(wrong).toEqual([]);
    });
  });

  it('the table names is there', async () => {
    const known = [...mountedRoutes(server), ...engineRoutes.map(({ path }) => `GET ${path}`)].map((route) =>
      concrete(route.split(' ')[1] ?? ''),
    );
    const elsewhere = ['/.well-known/*', '/api/v1/openapi.json'];
    expect(
      goesOn.map(({ path }) => path).filter((path) => !elsewhere.includes(path) && !known.includes(concrete(path))),
    ).toEqual([]);
  });

  it.each([
    '/token/',
    '/INTROSPECT',
    '/introspect/x',
    '/interaction/x%2f..%2fintrospect',
    '/.well-known',
    '/api/v1/openapi.json/x',
    '/account',
  ])('an address that only looks like an open one is not: %s', async (path) => {
    await closed(async () => expect((await asked('GET', path)).status).toBe(503));
  });

  it('of the management API turns away whoever is neither to end it nor to watch', async () => {
    const everything = Object.keys({ ...managementScopes, ...installationScopes }).filter(
      (scope) => !/^(maintenance|tenants):write$/.test(scope),
    );
    const token = await tokenWith(server, everything.join(' '));
    const endpoints = endpointsOf(server.services);
    const may = ['token_endings:read', 'health:read'];
    await closed(async () => {
      const wrong: string[] = [];
      for (const { method, path, scope } of endpoints) {
        const { status } = await asked(method.toUpperCase(), `/api/v1${path}`, { authorization: `Bearer ${token}` });
        const words = wordsOf(scope);
        const expected = words.every((word) => /^(maintenance|tenants):write$/.test(word))
          ? status === 403
          : words.every((word) => may.includes(word))
            ? status < 500
            : status === 503;
        if (!expected) wrong.push(`${method} ${path} ${status}`);
      }
      expect(wrong).toEqual([]);
      for (const shown of [undefined, 'Bearer nonsense'])
        expect((await asked('GET', '/api/v1/users', shown ? { authorization: shown } : {})).status).toBe(
          shown ? 401 : 503,
        );
    });
  });
});

describe('tokens stay verifiable', () => {
  it('keys, metadata, introspection, userinfo and the list of what has ended answer as ever', async () => {
    const party = await makeClient(server, {
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    });
    const person = await makePerson(server);
    const tokens = await tokensFor(server, party, person.email ?? '');
    const endings = await makeManager(server, 'token_endings:read');
    await closed(async () => {
      for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'])
        expect((await fetch(`${server.issuer}${path}`)).status).toBe(200);
      expect((await introspect(server, party, tokens.access_token ?? '')).body.active).toBe(true);
      const claims = await fetch(`${server.issuer}/userinfo`, {
        headers: { authorization: `Bearer ${tokens.access_token}` },
      });
      expect([claims.status, await claims.json()]).toEqual([200, expect.objectContaining({ sub: person.id })]);
      const token = await managementToken(server, endings, 'token_endings:read');
      const { status, body } = await ask(server, token, 'get', '/token-endings');
      // It serves no resource; it was heard.
      expect([status, body.code]).toEqual([403, 'not_a_resource_server']);
    });
  });

  it('what is alive is told as ever, to balancers too', async () => {
    await closed(async () => {
      for (const path of ['/healthz', '/readyz']) expect((await fetch(`${server.issuer}${path}`)).status).toBe(200);
    });
  });

  it('a token is revoked and a session ended meanwhile: what ends does not wait', async () => {
    const party = await makeClient(server);
    const { email } = await makePerson(server);
    const tokens = await tokensFor(server, party, email ?? '');
    await closed(async () => {
      expect((await post(server, '/revoke', party, { token: String(tokens.refresh_token) })).status).toBe(200);
      const out = await tokens.browser.open(`${server.issuer}/logout?id_token_hint=${tokens.id_token}`);
      const done = out.html.includes('logout-confirm') ? await tokens.browser.submit(out, { logout: 'yes' }) : out;
      expect([out.status, done.status]).toEqual([200, 200]);
    });
    const silent = await tokens.browser.open(authorizationUrl(server, party, pkce(), { prompt: 'none' }));
    expect(new URL(silent.url).searchParams.get('error')).toBe('login_required');
  });
});

describe('grants', () => {
  const everyGrant = [
    ['authorization_code', { code: 'x', redirect_uri: 'https://rp.example/cb', code_verifier: 'v'.repeat(43) }],
    ['refresh_token', { refresh_token: 'x' }],
    ['urn:ietf:params:oauth:grant-type:device_code', { device_code: 'x' }],
    ['urn:openid:params:grant-type:ciba', { auth_req_id: 'x' }],
    [
      'urn:ietf:params:oauth:grant-type:token-exchange',
      { subject_token: 'x', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
    ],
    ['urn:ietf:params:oauth:grant-type:jwt-bearer', { assertion: 'x' }],
  ] as [string, Record<string, string>][];
  let party: Party;

  beforeAll(async () => {
    party = await makeClient(server, {
      backchannel_token_delivery_mode: 'poll',
      grant_types: ['client_credentials', ...everyGrant.map(([name]) => name)],
    });
  });

  it('that rest on a person wait: temporarily_unavailable, 503, Retry-After', async () => {
    const metadata = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
      grant_types_supported: string[];
    };
    const listed = everyGrant.map(([name]) => name);
    expect(
      metadata.grant_types_supported.filter(
        (name) => name !== 'implicit' && !grantGoesOn(name) && !listed.includes(name),
      ),
    ).toEqual([]);
    await closed(async () => {
      for (const [grant_type, form] of everyGrant) {
        const answer = await post(server, '/token', party, { grant_type, ...form });
        expect([grant_type, answer.status, answer.body.error]).toEqual([grant_type, 503, 'temporarily_unavailable']);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
    });
  });

  it('of programs in their own name are made', async () => {
    await closed(async () => {
      expect((await post(server, '/token', party, { grant_type: 'client_credentials' })).status).toBe(200);
    });
  });

  it('a client that is not who it says learns nothing of it', async () => {
    await closed(async () => {
      const stranger = { ...party, clientSecret: 'wrong' };
      expect((await refresh(server, stranger, 'x')).status).toBe(401);
    });
  });

  it('spend nothing: the same refresh token is good afterwards', async () => {
    const { email } = await makePerson(server);
    const tokens = await tokensFor(server, party, email ?? '', { scope: 'openid offline_access', prompt: 'consent' });
    const token = String(tokens.refresh_token);
    await closed(async () => expect((await refresh(server, party, token)).status).toBe(503));
    expect((await refresh(server, party, token)).status).toBe(200);
  });
});

describe('people', () => {
  it.each([
    ['en', 'Closed for maintenance'],
    ['de', 'Wegen Wartung geschlossen'],
    ['ar', 'الخدمة مغلقة للصيانة'],
  ])('read a page in their language: %s', async (language, title) => {
    await closed(async () => {
      const response = await fetch(`${server.issuer}/account`, {
        ...page,
        headers: { ...page.headers, 'accept-language': language },
      });
      const html = await response.text();
      expect([response.status, html.includes(title)]).toEqual([503, true]);
      expect(response.headers.get('cache-control')).toBe('no-store');
    });
  });

  it('read why, escaped, and programs are told the same', async () => {
    await closed(
      async () => {
        const html = await (await fetch(`${server.issuer}/authorize?client_id=x`, page)).text();
        expect(html).toContain('We move house &amp; &lt;b&gt;are back soon');
        const json = await fetch(`${server.issuer}/api/v1/auth/me`);
        expect(await json.json()).toMatchObject({
          status: 503,
          code: 'maintenance',
          announcement: 'We move house & <b>are back soon',
        });
      },
      { message: 'We move house & <b>are back soon' },
    );
  });

  it('are told when to come again (RFC 9110 §10.2.3)', async () => {
    const until = new Date(Date.now() + 600_000).toISOString();
    await closed(
      async () => {
        const seconds = Number((await fetch(`${server.issuer}/account`, page)).headers.get('retry-after'));
        expect(seconds).toBeGreaterThan(590);
        expect(seconds).toBeLessThanOrEqual(600);
      },
      { until },
    );
  });

  it('fill no log: who is turned away is a line of a request, and no warning', async () => {
    await closed(async () => {
      const before = server.log.length;
      await (await fetch(`${server.issuer}/account`, page)).text();
      await (await fetch(`${server.issuer}/api/v1/auth/me`)).text();
      expect(server.log.slice(before).filter((entry) => /"level":"(warn|error)"/.test(entry))).toEqual([]);
    });
  });

  it('wake nobody who is on call: they are counted apart from what fails', async () => {
    const party = await makeClient(server);
    const { email } = await makePerson(server);
    const { refresh_token } = await tokensFor(server, party, email, {
      scope: 'openid offline_access',
      prompt: 'consent',
    });
    const failed = async () =>
      [...(await (await fetch(metrics)).text()).matchAll(/^http_request_duration_seconds_count\{(.*)\} (\d+)$/gm)]
        .filter(([, labels]) => /status="5/.test(String(labels)))
        .map(([, labels, count]) => [/route="(.*?)"/.exec(String(labels))?.[1], Number(count)] as const);
    const sum = (counts: (readonly [string | undefined, number])[], of: string) =>
      counts.filter(([route]) => route === of).reduce((all, [, count]) => all + count, 0);
    const before = await failed();
    await closed(async () => {
      await (await fetch(`${server.issuer}/account`, page)).text();
      await (await fetch(`${server.issuer}/api/v1/auth/me`)).text();
      expect((await ask(server, await tokenWith(server, 'users:read'), 'get', '/users')).status).toBe(503);
      expect((await refresh(server, party, String(refresh_token))).status).toBe(503);
    });
    const after = await failed();
    expect(sum(after, 'maintenance') - sum(before, 'maintenance')).toBe(4);
    expect(after.filter(([route]) => route !== 'maintenance')).toEqual(
      before.filter(([route]) => route !== 'maintenance'),
    );
  });

  it('who are signed in stay signed in, and go on afterwards', async () => {
    const party = await makeClient(server);
    const { email } = await makePerson(server);
    const { browser } = await tokensFor(server, party, email ?? '');
    const url = () => authorizationUrl(server, party, pkce(), { prompt: 'none' });
    await closed(async () => expect((await browser.open(url())).status).toBe(503));
    expect(new URL((await browser.open(url())).url).searchParams.has('code')).toBe(true);
  });
});

describe('who administers', () => {
  it('comes in: a program that may end it, for whatever else it may do', async () => {
    const token = await tokenWith(server, 'maintenance:write users:read');
    await closed(async () => {
      expect((await ask(server, token, 'get', '/users')).status).toBe(200);
      expect((await ask(server, token, 'get', '/clients')).status).toBe(403);
    });
  });

  it('comes in: a person who has the role, with the token of before; nobody else', async () => {
    const party = await makeClient(server, {
      scope: 'openid users:read',
    });
    const asked = { resource: `${server.issuer}/api`, scope: 'openid users:read' };
    const [admin, other] = [await makePerson(server), await makePerson(server)];
    const role = (id: string, roles: string[]) =>
      server.inside(async ({ users }) => users.setRoles(await users.find(id), roles));
    for (const { id } of [admin, other]) await role(id, ['ADMIN']);
    const [ofAdmin, ofOther] = [
      await tokensFor(server, party, admin.email ?? '', asked),
      await tokensFor(server, party, other.email ?? '', asked),
    ];
    await role(other.id, []);
    await closed(async () => {
      expect((await ask(server, ofAdmin.access_token, 'get', '/auth/me')).status).toBe(503);
      expect((await ask(server, ofAdmin.access_token, 'get', '/users')).status).toBe(200);
      expect((await ask(server, ofOther.access_token, 'get', '/users')).status).toBe(403);
    });
  });

  it('comes in by no key that programs have of them, unless the key may end it', async () => {
    const { token } = await makeAdministrator(server, 'api_keys:write users:read maintenance:write');
    const key = async (scopes: string[], kind: string) => (await makeApiKey(server, token, { scopes, kind })).value;
    const [theirs, tenants, keepers] = [
      await key(['users:read'], 'user'),
      await key(['users:read'], 'service'),
      await key(['users:read', 'maintenance:write'], 'service'),
    ];
    const answers = () => Promise.all([theirs, tenants, keepers].map((one) => ask(server, one, 'get', '/users')));
    expect((await answers()).map(({ status }) => status)).toEqual([200, 200, 200]);
    await closed(async () => expect((await answers()).map(({ status }) => status)).toEqual([503, 503, 200]));
  });

  it('is more than whoever has some other role', async () => {
    const party = await makeClient(server, { scope: 'openid users:read' });
    const { id, email } = await makePerson(server);
    await server.inside(async ({ users }) => users.setRoles(await users.find(id), ['SUPPORT']));
    const { access_token } = await tokensFor(server, party, email ?? '', {
      resource: `${server.issuer}/api`,
      scope: 'openid users:read',
    });
    expect((await ask(server, access_token, 'get', '/users')).status).toBe(200);
    await closed(async () => expect((await ask(server, access_token, 'get', '/users')).status).toBe(503));
  });

  it('alone goes on listening: a stream of anybody else ends', async () => {
    const listen = async (token: string) => {
      const { signal } = stop;
      const headers = { accept: 'text/event-stream', authorization: `Bearer ${token}` };
      const response = await fetch(`${server.issuer}/api/v1/audit-events/stream`, { headers, signal });
      expect(response.status).toBe(200);
      const end = response.text().then(
        () => 'ended',
        () => 'hung up',
      );
      return { end };
    };
    const stop = new AbortController();
    const others = await listen(await tokenWith(server, 'audit:read'));
    const keepers = await listen(await tokenWith(server, 'audit:read maintenance:write'));
    await closed(async () => {
      expect(await others.end).toBe('ended');
      // For as long again as it takes to look at both.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      stop.abort();
      expect(await keepers.end).toBe('hung up');
    });
  }, 30_000);
});

describe('the record', () => {
  it('says who closed and opened it, and when; words said anew are a change, and said twice it began once', async () => {
    const begun = await close({ message: 'one' });
    const again = await close({ message: 'two' });
    expect(again.body).toEqual({ active: true, since: begun.body.since, message: 'two', until: null });
    expect((await ask(server, keeper, 'get', '/maintenance')).body).toEqual(again.body);
    await open();
    expect((await open()).status).toBe(204);
    const { items } = (await ask(server, keeper, 'get', '/audit-events?limit=3')).body as {
      items: Record<string, unknown>[];
    };
    expect(items.map(({ name }) => name)).toEqual(['maintenance.ended', 'maintenance.updated', 'maintenance.started']);
    for (const item of items)
      expect(item).toMatchObject({ actor: { type: 'client', id: expect.any(String) }, data: { of: 'tenant' } });
    expect((await ask(server, keeper, 'get', '/maintenance')).body).toEqual({
      active: false,
      since: null,
      message: null,
      until: null,
    });
  });

  it.each([
    ['an end that has passed', { until: '2020-01-01T00:00:00Z' }],
    ['a date that is none', { until: 'soon' }],
    ['hidden characters', { message: 'a\u202eb' }],
    ['too many words', { message: 'x'.repeat(501) }],
    ['another member', { since: '2020-01-01T00:00:00Z' }],
  ])('refuses %s, and stays open', async (_what, input) => {
    expect((await close(input)).status).toBe(422);
    expect((await fetch(`${server.issuer}/account`, page)).status).not.toBe(503);
  });

  it('is kept from whoever may only watch', async () => {
    const watcher = await tokenWith(server, 'health:read');
    for (const method of ['put', 'delete'])
      expect((await ask(server, watcher, method, '/maintenance', {})).status).toBe(403);
  });
});

describe('the installation', () => {
  let acme: TestServer;
  let ofAcme: string;

  beforeAll(async () => {
    expect((await ask(server, operator, 'post', '/tenants', { slug: 'acme', name: 'Acme' })).status).toBe(201);
    const tenant = await server.services.tenants.findBySlug('acme');
    if (!tenant) throw new Error('no tenant');
    acme = at(server, tenant);
    ofAcme = await tokenWith(acme, 'maintenance:write users:read');
  });
  const isShut = async ({ issuer }: TestServer) => (await fetch(`${issuer}/account`, page)).status === 503;

  it('one tenant that is closed leaves the others open', async () => {
    await closed(async () => expect([await isShut(server), await isShut(acme)]).toEqual([true, false]));
    expect((await ask(acme, ofAcme, 'put', '/maintenance', {})).status).toBe(200);
    expect([await isShut(server), await isShut(acme)]).toEqual([false, true]);
    expect((await ask(acme, ofAcme, 'delete', '/maintenance')).status).toBe(204);
  });

  it('is closed by its operators alone, with all its tenants, whose administrators come in and cannot open it', async () => {
    for (const path of ['/installation/maintenance']) {
      expect((await ask(server, keeper, 'put', path, {})).status).toBe(403);
      expect((await ask(acme, ofAcme, 'put', path, {})).status).toBe(404);
    }
    expect((await ask(server, operator, 'put', '/installation/maintenance', { message: 'all of it' })).status).toBe(
      200,
    );
    try {
      expect([await isShut(server), await isShut(acme)]).toEqual([true, true]);
      expect((await ask(acme, ofAcme, 'get', '/users')).status).toBe(200);
      expect((await ask(acme, ofAcme, 'delete', '/maintenance')).status).toBe(204);
      expect(await isShut(acme)).toBe(true);
    } finally {
      expect((await ask(server, operator, 'delete', '/installation/maintenance')).status).toBe(204);
    }
    expect([await isShut(server), await isShut(acme)]).toEqual([false, false]);
  });
});

describe('the command', () => {
  const printed: string[] = [];
  const command = async (...args: string[]) => {
    const program = new Command().exitOverride();
    addMaintenance(program, {
      print: (text) => printed.push(text),
      withServices: (work) => server.inside((services) => work(services)),
    });
    await program.parseAsync(['maintenance', ...args], { from: 'user' });
    return printed.at(-1);
  };
  const shut = async () => (await fetch(`${server.issuer}/account`, page)).status === 503;

  it('closes and opens, and says how it is', async () => {
    expect(await command('begin', '--message', 'by hand', '--until', '2099-01-01T00:00:00Z')).toMatch(
      /^default: closed since .+, until 2099-01-01T00:00:00\.000Z: by hand\n$/,
    );
    expect(await shut()).toBe(true);
    expect(JSON.parse((await command('show', '--json')) ?? '')).toMatchObject({ active: true, message: 'by hand' });
    expect(await command('end')).toBe('default: open\n');
    expect(await shut()).toBe(false);
  });

  it('closes and opens all tenants', async () => {
    expect(await command('begin', '--all')).toMatch(/^all tenants: closed since /);
    expect([await shut(), await command('show')]).toEqual([true, 'default: open\n']);
    const { items } = (await ask(server, keeper, 'get', '/audit-events?limit=1')).body as { items: object[] };
    const event = { name: 'maintenance.started', actor: { type: 'system' }, data: { of: 'installation' } };
    expect(items).toMatchObject([event]);
    expect(await command('end', '--all', '--tenant', 'acme')).toBe('all tenants: open\n');
    expect(await shut()).toBe(false);
  });

  it.each([
    ['an end that has passed', ['begin', '--until', '2020-01-01T00:00:00Z'], /over already/],
    ['a time that is none', ['begin', '--until', 'soon'], /--until /],
    ['hidden characters', ['begin', '--message', 'a\u202eb'], /--message /],
    ['a tenant that is not there', ['begin', '--tenant', 'nobody'], /no tenant nobody/],
  ])('refuses %s with a sentence', async (_what, args, words) => {
    await expect(command(...args)).rejects.toThrow(words);
    expect(await shut()).toBe(false);
  });
});

describe('Redis, where there is one', () => {
  it('shows the flag to others; lost, it is closed as before, and shown again', async () => {
    const { redis, maintenance } = server.services;
    if (!redis) return expect(defaultKind).toBe('embedded');
    const { id } = await server.services.tenants.ensureDefault();
    await closed(
      async () => {
        expect(JSON.parse((await redis.client.get(flagKey(id))) ?? '{}')).toMatchObject({ message: 'seen' });
        await redis.client.del(flagKey(id));
        expect((await fetch(`${server.issuer}/account`, page)).status).toBe(503);
        await maintenance.renewFlags();
        expect(await redis.client.ttl(flagKey(id))).toBeGreaterThan(100);
      },
      { message: 'seen' },
    );
    expect(await redis.client.get(flagKey(id))).toBeNull();
  });
});
