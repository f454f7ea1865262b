import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { makeClient, makePerson, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const all = 'roles:read roles:write users:read users:write users:lock clients:read clients:write audit:read';

describe('roles of a tenant', () => {
  let server: TestServer;
  let token: string;
  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, path, body, headers);
  const said = ({ status, body }: Answer) => [status, body.code];
  const newKey = () => `r${randomUUID()}`;
  const make = async (permissions: string[] = [], more: object = {}) => {
    const key = newKey();
    const made = await api('post', '/roles', { key, name: key, permissions, ...more });
    expect([made.status, made.body]).toEqual([201, expect.objectContaining({ key, permissions, version: 1 })]);
    return key;
  };
  const give = (id: string, ...roles: string[]) =>
    server.inside(async ({ users }) => users.setRoles(await users.find(id), roles));
  /** What a client with every scope that is named gets, as this person. */
  const tokenOf = async (email: string, scope: string) => {
    const console = await makeClient(server, { scope: `openid ${scope}`, consent_policy: 'implicit' });
    const resource = `${server.issuer}/api`;
    return String((await tokensFor(server, console, email, { resource, scope: `openid ${scope}` })).access_token);
  };
  const events = async (name: string) =>
    (await api('get', `/audit-events?name=${name}`)).body.items as { data: Record<string, unknown> }[];

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, all);
  }, 180_000);
  afterAll(() => server?.close());

  describe('that every tenant has', () => {
    const builtIn = ['ADMIN', 'BILLING_ADMIN', 'SUPPORT', 'USER'];

    it('are listed, each with what it opens', async () => {
      const { body } = await api('get', '/roles?limit=100');
      const items = body.items as { key: string; built_in: boolean; permissions: string[] }[];
      expect(items.filter((one) => one.built_in).map(({ key }) => key)).toEqual(builtIn);
      const opens = Object.fromEntries(items.map(({ key, permissions }) => [key, permissions]));
      expect(opens.ADMIN).toEqual(expect.arrayContaining(['tenants:write', 'roles:write', 'keys:write']));
      expect(opens.USER).toEqual([]);
      for (const scope of opens.SUPPORT ?? []) expect(scope).not.toMatch(/^(users|roles|clients|keys):write$/);
    });

    it.each(builtIn)('%s is neither changed nor deleted, nor is another one called so', async (key) => {
      expect(said(await api('patch', `/roles/${key}`, { name: 'Mine' }))).toEqual([403, 'built_in_role']);
      expect(said(await api('delete', `/roles/${key}`))).toEqual([403, 'built_in_role']);
      for (const name of [key, key.toLowerCase()])
        expect((await api('post', '/roles', { key: name, name })).status).toBe(422);
      expect((await api('get', `/roles/${key}`)).body).toMatchObject({ key, built_in: true });
    });

    it('are kept from rows by the database itself', async () => {
      const insert = `INSERT INTO roles (tenant_id, key, name, created_at, updated_at) SELECT id, $1, 'x', now(), now() FROM tenants`;
      for (const key of [...builtIn, '1x', 'a b'])
        await expect(server.services.db.pool.query(insert, [key])).rejects.toThrow('roles_key_check');
    });
  });

  describe('of its own', () => {
    it('are made, read, changed and deleted; a version that was overtaken is refused (RFC 9110 §13.1.1)', async () => {
      const key = await make(['users:read'], { description: 'Reads' });
      const read = await api('get', `/roles/${key}`);
      expect(read.headers.get('etag')).toBe('"1"');
      const changed = await api('patch', `/roles/${key}`, { name: 'Reader', description: null, permissions: null });
      expect(changed.body).toMatchObject({ name: 'Reader', description: null, permissions: [], version: 2 });
      const late = await api('patch', `/roles/${key}`, { name: 'Late' }, { 'if-match': '"1"' });
      expect(said(late)).toEqual([412, 'precondition_failed']);
      expect((await api('delete', `/roles/${key}`, undefined, { 'if-match': '"1"' })).status).toBe(412);
      expect((await api('delete', `/roles/${key}`)).status).toBe(204);
      expect((await api('get', `/roles/${key}`)).status).toBe(404);
      for (const name of ['role.created', 'role.updated', 'role.deleted'])
        expect((await events(name)).map(({ data }) => data.role)).toContain(key);
    });

    it('have one key each: of two made at once one is there', async () => {
      const key = newKey();
      const answers = await Promise.all([1, 2].map(() => api('post', '/roles', { key, name: 'Twice' })));
      expect(answers.map(said).sort()).toEqual([
        [201, undefined],
        [409, 'role_key_taken'],
      ]);
    });

    it('open nothing that is not there: 422, and it says what', async () => {
      const resource = `https://${randomUUID()}.example/api`;
      await server.inside(({ resources }) =>
        resources.create({ identifier: resource, name: 'Trips', scopes: [{ name: 'trips:read' }] }),
      );
      const role = { key: newKey(), name: 'Wrong' };
      const refused: [object, string][] = [
        [{ permissions: ['users:read', 'users:fly'] }, '/permissions/1'],
        [
          { resource_permissions: [{ resource, permissions: ['trips:write'] }] },
          '/resource_permissions/0/permissions/0',
        ],
        [
          { resource_permissions: [{ resource: 'urn:none', permissions: ['x'] }] },
          '/resource_permissions/0/permissions/0',
        ],
        // The management API has its own member, which is held against what the caller holds.
        [
          { resource_permissions: [{ resource: `${server.issuer}/api`, permissions: ['keys:write'] }] },
          '/resource_permissions/0/permissions/0',
        ],
      ];
      for (const [more, pointer] of refused) {
        const answer = await api('post', '/roles', { ...role, ...more });
        expect([answer.status, answer.body.errors]).toEqual([422, [expect.objectContaining({ pointer })]]);
      }
      const there = await api('post', '/roles', {
        ...role,
        resource_permissions: [{ resource, permissions: ['trips:read'] }],
      });
      expect(there.status).toBe(201);
    });

    it('are listed page by page in the order of their keys', async () => {
      await make();
      const keys: string[] = [];
      for (let cursor = ''; ; ) {
        const { body } = await api('get', `/roles?limit=3${cursor && `&cursor=${cursor}`}`);
        keys.push(...(body.items as { key: string }[]).map(({ key }) => key));
        if (!body.next_cursor) break;
        cursor = encodeURIComponent(String(body.next_cursor));
      }
      expect(keys).toEqual([...new Set(keys)].sort());
      expect(keys).toEqual(expect.arrayContaining(['ADMIN', 'USER']));
    });

    it('are as many as there may be at most', async () => {
      const other = await startServer();
      try {
        const its = await tokenWith(other, 'roles:write');
        await other.inside(async ({ db }) =>
          db.manager.query(
            `INSERT INTO roles (tenant_id, key, name, created_at, updated_at)
             SELECT t.id, 'r' || n, 'x', now(), now() FROM tenants t, generate_series(1, 100) n`,
          ),
        );
        expect(said(await ask(other, its, 'post', '/roles', { key: 'more', name: 'More' }))).toEqual([
          409,
          'too_many_roles',
        ]);
      } finally {
        await other.close();
      }
    }, 180_000);
  });

  describe('given to people and clients', () => {
    it('one by one or all at once, with a record of each', async () => {
      const { id } = await makePerson(server);
      const [first, second] = [await make(), await make()];
      expect((await api('put', `/users/${id}/roles/${first}`)).status).toBe(204);
      expect((await api('put', `/users/${id}/roles/${first}`)).status).toBe(204);
      expect((await api('put', `/users/${id}/roles/${second}`)).status).toBe(204);
      expect((await api('get', `/users/${id}/roles`)).body).toMatchObject({ roles: [first, second] });
      expect((await api('delete', `/users/${id}/roles/${first}`)).status).toBe(204);
      const put = await api('put', `/users/${id}/roles`, { roles: ['USER', 'USER'] });
      expect(put.body).toMatchObject({ id, roles: ['USER'] });
      const of = async (name: string) =>
        (await events(name)).filter(({ data }) => data.user_id === id).map(({ data }) => data.role);
      expect((await of('role.assigned')).sort()).toEqual(['USER', first, second].sort());
      expect((await of('role.removed')).sort()).toEqual([first, second].sort());
    });

    it('to clients likewise', async () => {
      const { clientId } = await makeClient(server);
      const role = await make();
      const path = `/clients/${clientId}/roles`;
      expect((await api('put', path, { roles: [role] })).body).toMatchObject({ roles: [role] });
      expect((await api('put', `${path}/USER`)).status).toBe(204);
      expect((await api('delete', `${path}/${role}`)).status).toBe(204);
      expect((await api('get', path)).body).toMatchObject({ roles: ['USER'] });
      const mine = (await events('role.assigned')).filter(({ data }) => data.client_id === clientId);
      expect(mine.map(({ data }) => data.role).sort()).toEqual(['USER', role].sort());
    });

    it('only where they are there: 422 in a list, 404 in a path', async () => {
      const { id } = await makePerson(server);
      const { clientId } = await makeClient(server);
      for (const path of [`/users/${id}/roles`, `/clients/${clientId}/roles`]) {
        const answer = await api('put', path, { roles: ['USER', 'NOBODY'] });
        expect([answer.status, answer.body.errors]).toEqual([422, [expect.objectContaining({ pointer: '/roles/1' })]]);
        expect((await api('put', `${path}/NOBODY`)).status).toBe(404);
        expect((await api('delete', `${path}/NOBODY`)).status).toBe(404);
        expect((await api('get', path)).body.roles).toEqual([]);
      }
    });

    it('fifty at most', async () => {
      const { id } = await makePerson(server);
      const keys = Array.from({ length: 50 }, (_, n) => `held-${n}`);
      await server.inside(({ db }) =>
        db.manager.query(
          `INSERT INTO roles (tenant_id, key, name, created_at, updated_at)
           SELECT t.id, 'held-' || n, 'x', now(), now() FROM tenants t, generate_series(0, 49) n WHERE t.slug = 'default'`,
        ),
      );
      await give(id, ...keys);
      expect(said(await api('put', `/users/${id}/roles/USER`))).toEqual([409, 'too_many_roles']);
      await give(id);
      await server.inside(({ db }) => db.manager.query(`DELETE FROM roles WHERE key LIKE 'held-%'`));
    });

    it('and not deleted meanwhile: 409 with how many have it', async () => {
      const role = await make();
      const [a, b] = [await makePerson(server), await makePerson(server)];
      const { clientId } = await makeClient(server);
      await give(a.id, role);
      await give(b.id, role, 'USER');
      await api('put', `/clients/${clientId}/roles/${role}`);
      const refused = await api('delete', `/roles/${role}`);
      expect([refused.status, refused.body]).toEqual([
        409,
        expect.objectContaining({ code: 'role_in_use', assignment_count: 3 }),
      ]);
      await give(a.id);
      await server.inside(async ({ users }) => users.delete(b));
      await api('delete', `/clients/${clientId}`);
      expect((await api('delete', `/roles/${role}`)).status).toBe(204);
    });

    it('which the database itself sees to: no role goes that somebody has, and none is had that is not there', async () => {
      const { pool } = server.services.db;
      const role = await make();
      const { id } = await makePerson(server);
      await pool.query('UPDATE users SET roles = ARRAY[$2, $3] WHERE id = $1', [id, role, 'ADMIN']);
      await expect(pool.query('DELETE FROM roles WHERE key = $1', [role])).rejects.toThrow(
        'role_assignments_role_fkey',
      );
      const unknown = pool.query(`UPDATE users SET roles = '{nobody-made-it}' WHERE id = $1`, [id]);
      await expect(unknown).rejects.toThrow('role_assignments_role_fkey');
      await pool.query(`UPDATE users SET roles = '{}' WHERE id = $1`, [id]);
      expect((await pool.query('DELETE FROM roles WHERE key = $1', [role])).rowCount).toBe(1);
    });

    it('of one that is given and deleted at once, either is refused', async () => {
      for (let round = 0; round < 10; round += 1) {
        const role = await make();
        const { id } = await makePerson(server);
        const [given, deleted] = await Promise.all([
          api('put', `/users/${id}/roles/${role}`),
          api('delete', `/roles/${role}`),
        ]);
        const held = (await api('get', `/users/${id}/roles`)).body.roles;
        if (deleted.status === 204) expect([[404, 422].includes(given.status), held]).toEqual([true, []]);
        else expect([given.status, said(deleted), held]).toEqual([204, [409, 'role_in_use'], [role]]);
      }
    }, 60_000);

    it('of two that change somebody at once, neither is lost', async () => {
      const { id } = await makePerson(server);
      const keys = await Promise.all([1, 2, 3, 4].map(() => make()));
      await Promise.all(keys.map((key) => api('put', `/users/${id}/roles/${key}`)));
      expect(((await api('get', `/users/${id}/roles`)).body.roles as string[]).sort()).toEqual(keys.sort());
    });
  });

  describe('open what they hold, as they are now', () => {
    it('a token of a person: its scopes that their roles have, until a role is taken or changed', async () => {
      const { id, email } = await makePerson(server);
      const role = await make(['users:read']);
      await give(id, role);
      const theirs = await tokenOf(email, 'users:read clients:read');
      const status = async (path: string) => (await ask(server, theirs, 'get', path)).status;
      expect([await status('/users'), await status('/clients')]).toEqual([200, 403]);
      await api('patch', `/roles/${role}`, { permissions: ['clients:read'] });
      expect([await status('/users'), await status('/clients')]).toEqual([403, 200]);
      await api('delete', `/users/${id}/roles/${role}`);
      expect([await status('/users'), await status('/clients')]).toEqual([403, 403]);
      await give(id, role, 'USER');
      expect(await status('/clients')).toBe(200);
      await server.inside(async ({ users }) => users.disable(await users.find(id)));
      expect(await status('/clients')).toBe(401);
    });

    it('are told of a person, and asked one by one', async () => {
      const { id } = await makePerson(server);
      const resource = `https://${randomUUID()}.example/api`;
      await server.inside(({ resources }) =>
        resources.create({ identifier: resource, name: 'Trips', scopes: [{ name: 'read' }, { name: 'write' }] }),
      );
      const reader = await make(['users:read'], { resource_permissions: [{ resource, permissions: ['read'] }] });
      await give(id, reader, await make(['audit:read']));
      expect((await api('get', `/users/${id}/permissions`)).body).toEqual({
        permissions: ['users:read', 'audit:read'],
        resource_permissions: [{ resource, permissions: ['read'] }],
      });
      const check = async (body: object) => (await api('post', '/permission-checks', { user_id: id, ...body })).body;
      const permissions = ['users:read', 'users:write'];
      expect(await check({ permissions })).toEqual({ granted: false, missing: ['users:write'] });
      expect(await check({ permissions, mode: 'any' })).toEqual({ granted: true, missing: ['users:write'] });
      expect(await check({ permissions: ['audit:read'] })).toEqual({ granted: true, missing: [] });
      expect(await check({ permissions: ['read', 'write'], resource })).toEqual({ granted: false, missing: ['write'] });
      expect(await check({ permissions: ['users:read'], resource: `${server.issuer}/api` })).toMatchObject({
        granted: true,
      });
      expect((await api('post', '/permission-checks', { user_id: id, permissions, resource: 'urn:x' })).status).toBe(
        422,
      );
      expect((await api('post', '/permission-checks', { user_id: id, permissions: [] })).status).toBe(422);
      expect((await api('post', '/permission-checks', { user_id: randomUUID(), permissions })).status).toBe(404);
    });

    it('an administrator has every one, at resources too; whoever may not come in has none', async () => {
      const { id } = await makePerson(server);
      await give((await makePerson(server)).id, 'ADMIN');
      await give(id, 'ADMIN');
      const { body } = await api('get', `/users/${id}/permissions`);
      expect(body.permissions).toEqual(expect.arrayContaining(['tenants:write', 'users:lock']));
      expect((body.resource_permissions as unknown[]).length).toBeGreaterThan(0);
      await server.inside(async ({ users }) => users.disable(await users.find(id)));
      expect((await api('get', `/users/${id}/permissions`)).body).toEqual({
        permissions: [],
        resource_permissions: [],
      });
      const check = await api('post', '/permission-checks', { user_id: id, permissions: ['users:read'] });
      expect(check.body).toEqual({ granted: false, missing: ['users:read'] });
    });
  });

  it('what people had before there were roles stays, and opens nothing', async () => {
    const { RolesOfUsers1700000000152 } = await import('../../migrations/0152-roles-of-users.js');
    const { db, users } = server.services;
    const { id } = await makePerson(server);
    const step = new RolesOfUsers1700000000152();
    await db.transaction(async () => {
      const runner = db.manager.queryRunner;
      if (!runner) throw new Error('no transaction');
      await step.down(runner);
      await runner.query(`DELETE FROM role_assignments`);
      await runner.query(`DELETE FROM roles WHERE key = 'legacy'`);
      await runner.query(`UPDATE users SET roles = '{ADMIN,legacy,legacy}' WHERE id = $1`, [id]);
      await runner.query(`DELETE FROM roles r WHERE key IN (SELECT unnest(roles) FROM users)`);
      await step.up(runner);
    });
    const theirs = await server.inside(async () => (await users.find(id)).roles);
    expect(theirs).toEqual(['ADMIN', 'legacy', 'legacy']);
    expect((await api('get', '/roles/legacy')).body).toMatchObject({ name: 'legacy', permissions: [] });
    expect((await api('delete', '/roles/legacy')).body).toMatchObject({ code: 'role_in_use', assignment_count: 1 });
  });
});
