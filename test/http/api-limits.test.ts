import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { apiTiers, limits } from '../../config/protocol.js';
import { AuditEvent } from '../../src/features/audit/audit-event.entity.js';
import { ask, tokenWith } from '../support/api.js';
import { makeAdministrator, makeApiKey, tryKey } from '../support/api-keys.js';
import { crowd } from '../support/pair.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';

describe('how often the management API is answered (R26, R27, R119)', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  const tenantOf = async (slug: string, api?: object) => {
    const settings = api ? { settings: { api } } : {};
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug, name: slug, ...settings } as never));
    const there = at(server, tenant);
    return { tenant, there, token: await tokenWith(there, 'clients:read api_keys:write') };
  };

  it.each(Object.entries(apiTiers).filter(([, limit]) => limit !== Infinity))(
    'says of the tier %s that it is %i a minute (draft-ietf-httpapi-ratelimit-headers)',
    async (tier, limit) => {
      const { there, token } = await tenantOf(`tier-${tier}`, { tier });
      const first = await ask(there, token, 'get', '/clients');
      expect(first.status).toBe(200);
      expect(first.headers.get('ratelimit-policy')).toBe(`"tenant";q=${limit};w=60`);
      expect(first.headers.get('ratelimit')).toMatch(new RegExp(`^"tenant";r=${limit - 1};t=(\\d|[1-5]\\d|60)$`));
      const second = await ask(there, token, 'get', '/clients');
      expect(second.headers.get('ratelimit')).toContain(`;r=${limit - 2};`);
    },
  );

  it('says nothing where there is no tier, and limits nobody', async () => {
    const { there, token } = await tenantOf('tierless');
    const answers = await crowd(80, () => ask(there, token, 'get', '/clients'));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers[0]?.headers.get('ratelimit')).toBeNull();
  });

  it('answers as many as it says, however many come at once, and one tenant’s crowd takes nothing from another', async () => {
    const crowded = await tenantOf('crowded', { tier: 'free' });
    const calm = await tenantOf('calm', { tier: 'free' });
    const answers = await crowd(100, () => ask(crowded.there, crowded.token, 'get', '/clients'));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(40);
    for (const { body, headers } of refused) {
      expect(body.code).toBe('too_many_requests');
      expect(headers.get('ratelimit')).toContain('"tenant";r=0;');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60);
    }
    const next = await ask(calm.there, calm.token, 'get', '/clients');
    expect([next.status, next.headers.get('ratelimit')]).toEqual([200, expect.stringContaining(';r=59;')]);
  });

  it('counts what whoever asks may not do as well, and not what nobody known has asked', async () => {
    const { there, token } = await tenantOf('counted', { tier: 'free' });
    for (const [shown, path, status] of [
      [token, '/users', 403],
      ['nobody', '/clients', 401],
      [undefined, '/clients', 401],
    ] as const)
      expect((await ask(there, shown, 'get', path)).status).toBe(status);
    expect((await ask(there, token, 'get', '/clients')).headers.get('ratelimit')).toContain(';r=58;');
  });

  it('counts nothing of a person who may do nothing here, whatever their token was given', async () => {
    const own = await startServer();
    try {
      const { user, token } = await makeAdministrator(own, 'users:read');
      const tier = { settings: { api: { tier: 'free' } } } as const;
      await own.inside(async ({ tenants }) => tenants.update(await tenants.current(), tier));
      const there = await tokenWith(own, 'clients:read');
      expect((await ask(own, token, 'get', '/users')).headers.get('ratelimit')).toContain(';r=59;');
      await makeAdministrator(own, 'users:read');
      await own.inside(({ users }) => users.setRoles(user, []));
      const answers = await crowd(70, () => ask(own, token, 'get', '/users'));
      expect([...new Set(answers.map(({ status }) => status))]).toEqual([403]);
      expect((await ask(own, there, 'get', '/clients')).headers.get('ratelimit')).toContain(';r=58;');
    } finally {
      await own.close();
    }
  }, 180_000);

  it('lets each key have a limit of its own: beyond it nothing is taken from the tenant', async () => {
    const { there, token } = await tenantOf('keyed', { tier: 'free' });
    const slow = await makeApiKey(there, token, { requests_per_minute: 3 });
    const fast = await makeApiKey(there, token, { requests_per_minute: 50 });
    const answers = await crowd(10, () => tryKey(there, slow.value));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    const [refused] = answers.filter(({ status }) => status === 429);
    expect(refused?.headers.get('ratelimit-policy')).toBe('"key";q=3;w=60');
    const answered = await tryKey(there, fast.value);
    expect(answered.headers.get('ratelimit-policy')).toBe('"key";q=50;w=60, "tenant";q=60;w=60');
    // Two keys were made, three requests answered, and this one.
    expect(answered.headers.get('ratelimit')).toMatch(/^"key";r=49;t=\d+, "tenant";r=54;t=\d+$/);
  });

  it('is said for all tenants by the installation (API_TIER), and for one by its operators', async () => {
    const small = await startServer({ environment: { API_TIER: 'starter' } });
    try {
      const token = await tokenWith(small, 'clients:read tenants:read tenants:write');
      const policy = async () => (await ask(small, token, 'get', '/clients')).headers.get('ratelimit-policy');
      expect(await policy()).toBe('"tenant";q=120;w=60');
      for (const [tier, said] of [
        ['enterprise', '"tenant";q=1000;w=60'],
        ['unlimited', null],
      ]) {
        const changed = await ask(small, token, 'patch', '/tenants/default', { settings: { api: { tier } } });
        expect([changed.status, await policy()]).toEqual([200, said]);
      }
    } finally {
      await small.close();
    }
  }, 180_000);
});

describe('from where the management API is answered (R28)', () => {
  const near = '203.0.113.7';
  const far = '198.51.100.9';
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    const { apiForeigners, apiForeignersTogether } = limits;
    server = await startServer({
      environment: { TRUST_PROXY: '127.0.0.1/32' },
      overrides: { limits: { apiForeigners, apiForeignersTogether } },
    });
    token = await tokenWith(server, 'clients:read tenants:read tenants:write');
  }, 180_000);
  afterEach(() => allow(null));
  afterAll(() => server?.close());

  const allow = (allowed_networks: string[] | null) =>
    server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { api: allowed_networks && { allowed_networks } } } as never),
    );
  const from = (ip: string, shown: string | undefined = token, method = 'get', path = '/clients', body?: unknown) =>
    ask(server, shown, method, path, body, { 'x-forwarded-for': ip });
  const recorded = () => server.inside(({ db }) => db.repo(AuditEvent).findBy({ name: 'api.refused' }));

  it('is everywhere where nothing is said', async () => {
    for (const ip of [near, far]) expect((await from(ip)).status).toBe(200);
  });

  it('is the networks that are said, in IPv4, IPv6 and IPv4 written as IPv6', async () => {
    await allow(['203.0.113.0/24', '2001:db8:1::/48']);
    for (const ip of [near, `::ffff:${near}`, '2001:db8:1::5'])
      expect([ip, (await from(ip)).status]).toEqual([ip, 200]);
    for (const ip of [far, `::ffff:${far}`, '2001:db8:2::5', 'unknown'])
      expect([ip, (await from(ip)).status]).toEqual([ip, 403]);
  });

  it('is refused before anybody looks at who asks: with a token, with a wrong one and without the same', async () => {
    await allow(['203.0.113.0/24']);
    const answers = await Promise.all([token, 'nobody', undefined].map((shown) => from(far, shown)));
    for (const { status, body, headers } of answers) {
      expect([status, body.code]).toEqual([403, 'network_not_allowed']);
      expect(headers.get('www-authenticate')).toBeNull();
    }
    const forged = await ask(server, token, 'get', '/clients', undefined, { 'x-forwarded-for': `${near}, ${far}` });
    expect(forged.status).toBe(403);
  });

  it('is recorded, once for an address, and not without end for all of them', async () => {
    await allow(['203.0.113.0/24']);
    const before = (await recorded()).length;
    const repeated = '192.0.2.1';
    for (let round = 0; round < 5; round += 1) await from(repeated);
    const once = await recorded();
    expect(once.length - before).toBe(1);
    expect(once.filter(({ ip }) => ip === repeated)).toMatchObject([{ data: { reason: 'network' } }]);
    await crowd(60, (index) => from(`192.0.2.${index + 10}`));
    expect((await recorded()).length).toBeLessThanOrEqual(limits.apiForeignersTogether.points);
  });

  it('leaves what is no management alone: people sign in, tokens are given', async () => {
    await allow(['203.0.113.0/24']);
    const discovery = await fetch(`${server.issuer}/.well-known/openid-configuration`, {
      headers: { 'x-forwarded-for': far },
    });
    expect(discovery.status).toBe(200);
    expect((await tokenWith(server, 'clients:read')).length).toBeGreaterThan(20);
  });

  it('is not closed by whoever would shut themselves out: 422 with the member, and nothing is changed', async () => {
    const change = (ip: string, allowed_networks: string[]) =>
      from(ip, token, 'patch', '/tenants/default', { settings: { api: { allowed_networks } } });
    const refused = await change(far, ['203.0.113.0/24']);
    expect(refused.status).toBe(422);
    expect(refused.body.errors).toEqual([{ pointer: '/settings/api/allowed_networks', detail: 'would shut you out' }]);
    expect((await from(far)).status).toBe(200);
    expect((await change(near, ['203.0.113.0/24'])).status).toBe(200);
    expect((await from(far)).status).toBe(403);
  });

  it('may be said of another tenant by operators, wherever they are', async () => {
    await server.inside(({ tenants }) => tenants.create({ slug: 'theirs', name: 'Theirs' }));
    const api = { allowed_networks: ['203.0.113.0/24'] };
    expect((await from(far, token, 'patch', '/tenants/theirs', { settings: { api } })).status).toBe(200);
    const there = await fetch(`${server.issuer}/t/theirs/api/v1/clients`, { headers: { 'x-forwarded-for': far } });
    expect(there.status).toBe(403);
  });
});

describe('keys of the environment `test`', () => {
  it('are refused where the tenant does not want any', async () => {
    const server = await startServer();
    try {
      const token = await tokenWith(server, 'clients:read api_keys:write');
      const live = await makeApiKey(server, token);
      const test = await makeApiKey(server, token, { environment: 'test' });
      expect(test.value).toMatch(/^ost_test_/);
      for (const { value } of [live, test]) expect((await tryKey(server, value)).status).toBe(200);
      await server.inside(async ({ tenants }) =>
        tenants.update(await tenants.current(), { settings: { api: { test_keys: false } } } as never),
      );
      expect([(await tryKey(server, live.value)).status, (await tryKey(server, test.value)).status]).toEqual([
        200, 401,
      ]);
    } finally {
      await server.close();
    }
  }, 180_000);
});
