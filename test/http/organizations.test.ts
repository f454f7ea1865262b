import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('organizations of a tenant, through the management API', () => {
  let server: TestServer;
  let token: string;
  let count = 0;
  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, path, body, headers);
  const make = async (more: object = {}) => {
    const slug = `org-${++count}`;
    const { status, body } = await api('post', '/organizations', { slug, name: `Org ${count}`, ...more });
    expect([status, body]).toEqual([201, expect.objectContaining({ slug })]);
    return body as { id: string; slug: string };
  };
  const history = async (id: string) =>
    (await server.services.db.manager.query(
      'SELECT kind, user_id, data FROM membership_events WHERE organization_id = $1 ORDER BY id',
      [id],
    )) as { kind: string; user_id: string; data: Record<string, unknown> }[];
  const audited = async (id: string) =>
    (
      (await server.services.db.manager.query(
        `SELECT name FROM audit_events WHERE data ->> 'organization_id' = $1 ORDER BY id`,
        [id],
      )) as { name: string }[]
    ).map(({ name }) => name);

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'organizations:read organizations:write audit:read');
  }, 180_000);
  afterAll(() => server?.close());

  describe('the organization itself', () => {
    it('is made with an owner, read by slug and by id, replaced, changed and deleted', async () => {
      const owner = await makePerson(server);
      const { id, slug } = await make({ owner_id: owner.id, settings: { members: { suspend_inactive_days: 90 } } });
      for (const name of [id, slug]) {
        const read = await api('get', `/organizations/${name}`);
        expect([read.status, read.body.id, read.headers.get('etag')]).toEqual([200, id, '"1"']);
      }
      const members = await api('get', `/organizations/${slug}/members`);
      expect(members.body.items).toEqual([expect.objectContaining({ user_id: owner.id, role: 'owner', roles: [] })]);

      const patched = await api('patch', `/organizations/${slug}`, {
        settings: { branding: { company_name: 'Acme' } },
      });
      expect(patched.body).toMatchObject({
        settings: { members: { suspend_inactive_days: 90 }, branding: { company_name: 'Acme' } },
        version: 2,
      });
      const put = await api('put', `/organizations/${slug}`, { slug: `${slug}-b`, name: 'Other', settings: {} });
      expect(put.body).toMatchObject({ id, slug: `${slug}-b`, name: 'Other', settings: {}, version: 3 });
      expect((await api('get', `/organizations/${slug}`)).status).toBe(404);

      expect((await api('delete', `/organizations/${id}`, undefined, { 'if-match': '"1"' })).status).toBe(412);
      expect((await api('delete', `/organizations/${id}`)).status).toBe(204);
      expect((await api('get', `/organizations/${id}`)).status).toBe(404);
      expect((await server.inside(({ users }) => users.find(owner.id))).id).toBe(owner.id);
      expect(await audited(id)).toEqual([
        'organization.created',
        'membership.added',
        'organization.updated',
        'organization.updated',
        'organization.deleted',
      ]);
    });

    it('has a slug that nobody else has, and one that is no id and no page', async () => {
      const [one, other] = [await make(), await make()];
      for (const [slug, status] of [
        [one.slug, 409],
        ['new', 422],
        ['Upper', 422],
        ['-a', 422],
        [randomUUID(), 422],
      ] as const) {
        expect([slug, (await api('post', '/organizations', { slug, name: 'X' })).status]).toEqual([slug, status]);
        expect([slug, (await api('patch', `/organizations/${other.slug}`, { slug })).status]).toEqual([slug, status]);
      }
      expect((await api('post', '/organizations', { slug: 'default', name: 'Everybody' })).status).toBe(201);
    });

    it('has no owner who is not there', async () => {
      const answer = await api('post', '/organizations', { slug: 'nobodys', name: 'X', owner_id: randomUUID() });
      expect(answer.status).toBe(404);
      expect((await api('get', '/organizations/nobodys')).status).toBe(404);
    });

    it('says since when its policy is as strict as it is, and lets nobody say so', async () => {
      const { slug } = await make();
      const acr = 'urn:ostiary:acr:mfa';
      const strict = await api('patch', `/organizations/${slug}`, { settings: { policy: { acr, grace_days: 7 } } });
      const since = strict.body.policy_since;
      expect(since).toEqual(expect.stringMatching(/^20/));
      const other = { acr, grace_days: 7, ip_allow_list: ['192.0.2.0/24'] };
      expect((await api('patch', `/organizations/${slug}`, { settings: { policy: other } })).body.policy_since).toBe(
        since,
      );
      // Nor does a longer password give anybody time without the class.
      const longer = await api('patch', `/organizations/${slug}`, {
        settings: { policy: { acr, grace_days: 7, password: { min_length: 12 } } },
      });
      expect([longer.body.policy_since, longer.body.password_since]).toEqual([since, expect.stringMatching(/^20/)]);
      expect((await api('get', `/organizations/${slug}`)).body.settings).toEqual(longer.body.settings);
      for (const settings of [{ policy: { since: '2020-01-01T00:00:00Z' } }, { policy_since: '2020-01-01T00:00:00Z' }])
        expect((await api('patch', `/organizations/${slug}`, { settings })).status).toBe(422);
      for (const policy of [{ acr: 'urn:ostiary:acr:1fa' }, { ways_in: [] }, { trusted_networks: ['everywhere'] }])
        expect((await api('patch', `/organizations/${slug}`, { settings: { policy } })).status).toBe(422);
    });

    it('is suspended with a reason and resumed, each told once', async () => {
      const { id, slug } = await make();
      for (const _twice of [1, 2])
        expect((await api('put', `/organizations/${slug}/suspension`, { reason: 'unpaid' })).status).toBe(204);
      expect((await api('get', `/organizations/${slug}`)).body).toMatchObject({ suspension_reason: 'unpaid' });
      for (const _twice of [1, 2]) expect((await api('delete', `/organizations/${slug}/suspension`)).status).toBe(204);
      expect((await api('get', `/organizations/${slug}`)).body).toMatchObject({ suspended_at: null });
      expect(await audited(id)).toEqual(['organization.created', 'organization.suspended', 'organization.resumed']);
      expect((await api('put', `/organizations/${slug}/suspension`, {})).status).toBe(422);
    });

    it('is listed newest first, page by page', async () => {
      const made = [await make(), await make(), await make()].map(({ id }) => id).reverse();
      const first = await api('get', '/organizations?limit=2');
      const rest = await api('get', `/organizations?limit=1&cursor=${first.body.next_cursor}`);
      const ids = [...(first.body.items as { id: string }[]), ...(rest.body.items as { id: string }[])];
      expect(ids.map(({ id }) => id)).toEqual(made);
    });
  });

  describe('its members', () => {
    it('join, change, are suspended, come back and go; each change is in the history and in the record', async () => {
      const { id, slug } = await make();
      const [owner, person] = [await makePerson(server), await makePerson(server)];
      await api('post', `/organizations/${slug}/members`, { user_id: owner.id, role: 'owner' });
      const added = await api('post', `/organizations/${slug}/members`, { user_id: person.id, permissions: ['a:b'] });
      expect([added.status, added.body]).toEqual([
        201,
        expect.objectContaining({ user_id: person.id, email: person.email, role: 'member', permissions: ['a:b'] }),
      ]);
      expect((await api('post', `/organizations/${slug}/members`, { user_id: person.id })).body.code).toBe(
        'already_member',
      );

      const path = `/organizations/${slug}/members/${person.id}`;
      const changed = await api('put', path, { role: 'admin' }, { 'if-match': '"1"' });
      expect(changed.body).toMatchObject({ role: 'admin', permissions: ['a:b'], version: 2 });
      expect((await api('put', path, { role: 'member' }, { 'if-match': '"1"' })).status).toBe(412);
      expect((await api('put', path, { role: 'admin' })).body.version).toBe(2);

      expect((await api('put', `${path}/suspension`, { reason: 'on leave' })).status).toBe(204);
      expect((await api('get', path)).body).toMatchObject({ suspension_reason: 'on leave' });
      expect((await api('delete', `${path}/suspension`)).status).toBe(204);
      expect((await api('get', path)).body).toMatchObject({ suspended_at: null, suspension_reason: null });
      expect((await api('delete', path)).status).toBe(204);
      for (const method of ['get', 'delete']) expect((await api(method, path)).status).toBe(404);

      const told = (await history(id)).filter(({ user_id }) => user_id === person.id);
      expect(told).toEqual([
        expect.objectContaining({
          kind: 'joined',
          data: { how: 'added', role: 'member', roles: [], permissions: ['a:b'], teams: [] },
        }),
        expect.objectContaining({
          kind: 'changed',
          data: {
            from: { role: 'member', roles: [], permissions: ['a:b'] },
            to: { role: 'admin', roles: [], permissions: ['a:b'] },
          },
        }),
        expect.objectContaining({ kind: 'suspended', data: { reason: 'on leave' } }),
        expect.objectContaining({ kind: 'resumed' }),
        expect.objectContaining({ kind: 'removed' }),
      ]);
      expect((await audited(id)).filter((name) => name.startsWith('membership'))).toEqual([
        'membership.added',
        'membership.added',
        'membership.changed',
        'membership.suspended',
        'membership.resumed',
        'membership.removed',
      ]);
    });

    it('are people of the tenant, with roles and teams of this organization', async () => {
      const { slug } = await make();
      const person = await makePerson(server);
      const path = `/organizations/${slug}/members`;
      expect((await api('post', path, { user_id: randomUUID() })).status).toBe(404);
      for (const member of ['roles', 'teams']) {
        const answer = await api('post', path, { user_id: person.id, [member]: [randomUUID()] });
        expect([answer.status, answer.body.errors]).toEqual([
          422,
          [expect.objectContaining({ pointer: `/${member}/0` })],
        ]);
      }
      for (const permissions of [['spaces no'], ['x', 'x'], ['']])
        expect((await api('post', path, { user_id: person.id, permissions })).status).toBe(422);
      expect((await api('post', path, { user_id: person.id, role: 'god' })).status).toBe(422);
    });

    it('keep an owner: the last one is not demoted, suspended or removed, and one who is suspended or disabled does not count', async () => {
      const { slug } = await make();
      const [one, two] = [await makePerson(server), await makePerson(server)];
      const path = (user: { id: string }) => `/organizations/${slug}/members/${user.id}`;
      for (const user_id of [one.id, two.id])
        await api('post', `/organizations/${slug}/members`, { user_id, role: 'owner' });
      const refused = async () => {
        for (const [method, address, body] of [
          ['put', path(one), { role: 'admin' }],
          ['put', `${path(one)}/suspension`, { reason: 'x' }],
          ['delete', path(one)],
        ] as const) {
          const answer = await api(method, address, body);
          expect([method, address, answer.status, answer.body.code]).toEqual([method, address, 409, 'last_owner']);
        }
      };
      await api('put', `${path(two)}/suspension`, { reason: 'x' });
      await refused();
      await api('delete', `${path(two)}/suspension`);
      await server.inside(async ({ users }) => users.disable(await users.find(two.id)));
      await refused();
      await server.inside(async ({ users }) => users.enable(await users.find(two.id)));
      expect((await api('put', path(one), { role: 'member' })).status).toBe(200);
    });

    it('keep an owner of two who are removed at once', async () => {
      for (let round = 0; round < 5; round += 1) {
        const { slug } = await make();
        const owners = [await makePerson(server), await makePerson(server)];
        for (const { id } of owners)
          await api('post', `/organizations/${slug}/members`, { user_id: id, role: 'owner' });
        const answers = await Promise.all(
          owners.map(({ id }) => api('delete', `/organizations/${slug}/members/${id}`)),
        );
        expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
        expect((await api('get', `/organizations/${slug}/members`)).body.items).toHaveLength(1);
      }
    });

    it('are listed page by page, in one statement', async () => {
      const { slug } = await make();
      const people = [await makePerson(server), await makePerson(server), await makePerson(server)];
      for (const { id } of people) await api('post', `/organizations/${slug}/members`, { user_id: id });
      const first = await api('get', `/organizations/${slug}/members?limit=2`);
      const rest = await api('get', `/organizations/${slug}/members?limit=2&cursor=${first.body.next_cursor}`);
      const listed = [first, rest].flatMap(({ body }) => body.items as { user_id: string }[]);
      expect(listed.map(({ user_id }) => user_id)).toEqual(people.map(({ id }) => id).sort());
      expect(rest.body.next_cursor).toBeNull();
    });

    it('of one organization are nobody in another', async () => {
      const [one, other] = [await make(), await make()];
      const person = await makePerson(server);
      await api('post', `/organizations/${one.slug}/members`, { user_id: person.id });
      for (const [method, body] of [['get'], ['put', { role: 'owner' }], ['delete']] as const)
        expect((await api(method, `/organizations/${other.slug}/members/${person.id}`, body)).status).toBe(404);
    });
  });

  describe('what a membership says, for tokens', () => {
    it('is nothing for whoever is suspended, in a suspended organization, not a member, or may not come in: all alike', async () => {
      const { membershipIn, membershipsOf } = await import('../../src/features/organizations/membership.queries.js');
      const { id, slug } = await make();
      const person = await makePerson(server);
      const of = () =>
        server.inside(async ({ db }) => [
          await membershipIn(db, person.id, slug),
          await membershipIn(db, person.id, id),
          ...(await membershipsOf(db, person.id)),
        ]);
      const nothing = [undefined, undefined];
      expect(await of()).toEqual(nothing);
      await api('post', `/organizations/${slug}/members`, {
        user_id: person.id,
        role: 'owner',
        permissions: ['b', 'a'],
      });
      const said = expect.objectContaining({
        organization: expect.objectContaining({ id, slug }),
        role: 'owner',
        roles: ['owner'],
        permissions: ['a', 'b'],
        teams: [],
      });
      expect(await of()).toEqual([said, said, said]);

      await api('put', `/organizations/${slug}/suspension`, { reason: 'x' });
      expect(await of()).toEqual(nothing);
      await api('delete', `/organizations/${slug}/suspension`);
      await server.inside(async ({ users }) => users.disable(await users.find(person.id)));
      expect(await of()).toEqual(nothing);
      await server.inside(async ({ users }) => users.enable(await users.find(person.id)));
      expect(await of()).toEqual([said, said, said]);
      const second = await makePerson(server);
      await api('post', `/organizations/${slug}/members`, { user_id: second.id, role: 'owner' });
      await api('put', `/organizations/${slug}/members/${person.id}/suspension`, { reason: 'x' });
      expect(await of()).toEqual(nothing);
    });

    it('is used once a day at most', async () => {
      const { id, slug } = await make();
      const person = await makePerson(server);
      await api('post', `/organizations/${slug}/members`, { user_id: person.id });
      const lastUsed = async () => (await api('get', `/organizations/${slug}/members/${person.id}`)).body.last_used_at;
      expect(await lastUsed()).toBeNull();
      await server.inside(({ memberships }) => memberships.used(id, person.id));
      const first = await lastUsed();
      expect(first).not.toBeNull();
      await server.inside(({ memberships }) => memberships.used(id, person.id));
      expect(await lastUsed()).toBe(first);
    });
  });
});
