import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { until } from '../support/pair.js';
import { startServer, type TestServer } from '../support/server.js';

describe('organizations that everybody is in', () => {
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'organizations:read organizations:write users:read users:write');
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(() => decide(null));

  const api = (method: string, path: string, body?: unknown): Promise<Answer> => ask(server, token, method, path, body);
  const decide = (organizations: object | null) =>
    server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { organizations } as never }),
    );
  const person = async () => {
    const { status, body } = await api('post', '/users', { email: `${randomUUID()}@example.com` });
    expect(status).toBe(201);
    return String(body.id);
  };
  const of = async (userId: string): Promise<[string, string][]> =>
    (
      await server.services.db.manager.query(
        `SELECT o.slug, m.role FROM memberships m JOIN organizations o ON o.id = m.organization_id
          WHERE m.user_id = $1 ORDER BY o.slug`,
        [userId],
      )
    ).map(({ slug, role }: { slug: string; role: string }) => [
      slug.replace(/^personal-[0-9a-f]{16}$/, 'personal'),
      role,
    ]);

  it('are none unless the tenant says so', async () => {
    expect(await of(await person())).toEqual([]);
  });

  it('are joined by whoever is made, in the same transaction', async () => {
    await api('post', '/organizations', { slug: 'staff', name: 'Staff' });
    await decide({ default_organization: 'staff', personal_workspaces: true });
    const id = await person();
    expect(await of(id)).toEqual([
      ['personal', 'owner'],
      ['staff', 'member'],
    ]);
    const { body } = await api('get', `/organizations/staff/members/${id}/history`);
    expect(body.items).toEqual([
      expect.objectContaining({ kind: 'joined', data: expect.objectContaining({ how: 'default' }) }),
    ]);
    const email = `${randomUUID()}@example.com`;
    await api('post', '/users', { email });
    const before = await server.services.db.manager.query('SELECT count(*)::int AS n FROM organizations');
    expect((await api('post', '/users', { email })).status).toBe(409);
    expect(await server.services.db.manager.query('SELECT count(*)::int AS n FROM organizations')).toEqual(before);
  });

  it('are joined by those who were there before, by a job, and made where there is none', async () => {
    const before = [await person(), await person()];
    await decide({ default_organization: 'everybody' });
    for (const id of before)
      await until('they join', async () =>
        (await of(id)).some(([slug, role]) => slug === 'everybody' && role === 'member'),
      );
    expect((await api('get', '/organizations/everybody')).status).toBe(200);
  });

  it('are not joined again by who has left, or was removed', async () => {
    const [left, stays] = [await person(), await person()];
    await decide({ default_organization: 'club' });
    for (const id of [left, stays]) await until('they join', async () => (await of(id)).length === 1);
    expect((await api('delete', `/organizations/club/members/${left}`)).status).toBe(204);
    await server.inside(({ automaticMemberships }) => automaticMemberships.joinExisting({ last: true }));
    expect([await of(left), await of(stays)]).toEqual([[], [['club', 'member']]]);
  });

  it('are joined batch by batch: each says where the next begins, and any may be done twice', async () => {
    const { db } = server.services;
    await db.manager.query(
      `INSERT INTO users (tenant_id, id, email, email_normalized, created_at, updated_at)
       SELECT t.id, gen_random_uuid(), 'many-' || n || '@example.com', 'many-' || n || '@example.com', now(), now()
         FROM tenants t, generate_series(1, 450) n WHERE t.slug = 'default'`,
    );
    const members = async () =>
      (
        await db.manager.query(
          `SELECT count(*)::int AS n FROM memberships m JOIN organizations o ON o.id = m.organization_id WHERE o.slug = 'crowd'`,
        )
      )[0].n as number;
    const [{ n: people }] = await db.manager.query('SELECT count(*)::int AS n FROM users WHERE deletion_at IS NULL');
    await decide({ default_organization: 'crowd' });
    // The same batch at once, as by a process that was thought to be dead.
    await Promise.allSettled(
      [1, 2].map(() => server.inside(({ automaticMemberships }) => automaticMemberships.joinExisting({ last: true }))),
    );
    await until('everybody is in', async () => (await members()) === people, 30_000);
    const twice = await db.manager.query(
      `SELECT user_id FROM membership_events e JOIN organizations o ON o.id = e.organization_id
        WHERE o.slug = 'crowd' AND kind = 'joined' GROUP BY user_id HAVING count(*) > 1`,
    );
    expect(twice).toEqual([]);
  }, 60_000);

  it('are neither renamed nor deleted while everybody joins them', async () => {
    await api('post', '/organizations', { slug: 'home', name: 'Home' });
    await decide({ default_organization: 'home' });
    for (const [method, body] of [
      ['delete'],
      ['patch', { slug: 'other' }],
      ['put', { slug: 'other', name: 'Home', settings: {} }],
    ] as const)
      expect([method, (await api(method, '/organizations/home', body)).body.code]).toEqual([
        method,
        'default_organization',
      ]);
    expect((await api('patch', '/organizations/home', { name: 'Our home' })).status).toBe(200);
    await decide(null);
    expect((await api('delete', '/organizations/home')).status).toBe(204);
  });

  it('are one workspace for each, whoever had none', async () => {
    const id = await person();
    await decide({ personal_workspaces: true });
    await until('they join', async () => (await of(id)).length === 1, 30_000);
    await decide({ personal_workspaces: false });
    await decide({ personal_workspaces: true });
    await server.inside(({ automaticMemberships }) => automaticMemberships.joinExisting({ last: true }));
    expect(await of(id)).toEqual([['personal', 'owner']]);
  });
});
