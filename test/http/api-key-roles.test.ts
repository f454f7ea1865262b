import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuditEvent } from '../../src/features/audit/audit-event.entity.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { makeAdministrator, makeApiKey } from '../support/api-keys.js';
import { startServer, type TestServer } from '../support/server.js';

describe('an API key that has roles', () => {
  let server: TestServer;
  /** Of somebody who may make keys, and see clients and users. */
  let maker: string;
  const said = ({ status, body }: Answer) => [status, body.code];

  beforeAll(async () => {
    server = await startServer();
    maker = await tokenWith(server, 'api_keys:read api_keys:write clients:read users:read');
  }, 180_000);
  afterAll(() => server?.close());

  const makeRole = async (permissions: string[]): Promise<string> => {
    const key = `r${randomUUID()}`;
    await server.inside(({ roles }) => roles.create({ key, name: key, permissions }));
    return key;
  };
  const change = (key: string, permissions: string[]) =>
    server.inside(({ roles }) => roles.update(key, { permissions }));
  /** What it is let in to: of `/clients` and `/users`. */
  const opens = async (value: string): Promise<number[]> =>
    Promise.all(['/clients', '/users'].map(async (path) => (await ask(server, value, 'get', path)).status));
  const recorded = (name: string, id: string) =>
    server.inside(async ({ db }) =>
      (await db.repo(AuditEvent).findBy({ name })).flatMap(({ data }) => {
        const { api_key_id, ...rest } = data as Record<string, unknown>;
        return api_key_id === id ? [rest] : [];
      }),
    );

  it('opens what they open and what it was given by itself, as they are at each use', async () => {
    const role = await makeRole(['users:read']);
    const { value, body } = await makeApiKey(server, maker, { roles: [role, role] });
    expect(body.roles).toEqual([role]);
    expect(await opens(value)).toEqual([200, 200]);
    await change(role, []);
    expect(await opens(value)).toEqual([200, 403]);
    await change(role, ['users:read']);
    expect(await opens(value)).toEqual([200, 200]);
  });

  it('is given and loses them by whoever changes it; null takes all (RFC 7396)', async () => {
    const role = await makeRole(['users:read']);
    const { id, value } = await makeApiKey(server, maker);
    const set = (roles: unknown) => ask(server, maker, 'patch', `/api-keys/${id}`, { roles });
    expect(await opens(value)).toEqual([200, 403]);
    expect((await set([role])).body).toMatchObject({ roles: [role], scopes: ['clients:read'] });
    expect(await opens(value)).toEqual([200, 200]);
    expect((await set(null)).body.roles).toEqual([]);
    expect(await opens(value)).toEqual([200, 403]);
    expect([await recorded('role.assigned', id), await recorded('role.removed', id)]).toEqual([[{ role }], [{ role }]]);
  });

  describe('is never stronger than whoever makes it (OWASP ASVS 5.0 V8.2)', () => {
    it.each([
      ['a role that opens more', async () => makeRole(['users:read', 'keys:write']), 403, 'scope_not_held'],
      ['the role of administrators', async () => 'ADMIN', 403, 'scope_not_held'],
      ['a role that is not there', async () => 'NOBODY', 422, 'invalid_request'],
    ])('%s is refused, at its making and after', async (_what, role, status, code) => {
      const roles = [await role()];
      expect(said(await ask(server, maker, 'post', '/api-keys', { name: 'x', roles }))).toEqual([status, code]);
      const { id } = await makeApiKey(server, maker);
      expect(said(await ask(server, maker, 'patch', `/api-keys/${id}`, { roles }))).toEqual([status, code]);
      expect((await ask(server, maker, 'get', `/api-keys/${id}`)).body).toMatchObject({ roles: [], version: 1 });
    });

    it('one whose role has come to open more is neither changed nor rotated by them, only revoked', async () => {
      const role = await makeRole(['users:read']);
      const { id } = await makeApiKey(server, maker, { roles: [role] });
      await change(role, ['users:read', 'keys:write']);
      const path = `/api-keys/${id}`;
      expect(said(await ask(server, maker, 'post', `${path}/rotations`, {}))).toEqual([403, 'scope_not_held']);
      expect(said(await ask(server, maker, 'patch', path, { name: 'Mine' }))).toEqual([403, 'scope_not_held']);
      expect(said(await ask(server, maker, 'patch', path, { roles: [] }))).toEqual([403, 'scope_not_held']);
      expect((await ask(server, maker, 'delete', path)).status).toBe(204);
    });

    it('one of a person opens no more than they may do now', async () => {
      const role = await makeRole(['users:read']);
      const { user, token } = await makeAdministrator(server, 'api_keys:write clients:read users:read');
      // The first of its tenant is the last one, too.
      await makeAdministrator(server, 'users:read');
      const { value } = await makeApiKey(server, token, { kind: 'user', roles: [role] });
      expect(await opens(value)).toEqual([200, 200]);
      const mine = await makeRole(['clients:read']);
      await server.inside(({ users }) => users.setRoles(user, [mine]));
      expect(await opens(value)).toEqual([200, 403]);
    });

    it('one with a role makes nobody stronger either', async () => {
      const strong = await tokenWith(server, 'api_keys:write roles:write users:read');
      const role = await makeRole(['roles:write']);
      const { value } = await makeApiKey(server, strong, { scopes: [], roles: [role] });
      const { user } = await makeAdministrator(server, 'users:read');
      expect(said(await ask(server, value, 'put', `/users/${user.id}/roles`, { roles: [] }))).toEqual([
        403,
        'scope_not_held',
      ]);
    });
  });

  describe('a role is in use', () => {
    it('while a key has it, and no more when the key is revoked', async () => {
      const role = await makeRole(['users:read']);
      const { id } = await makeApiKey(server, maker, { roles: [role] });
      const remove = () => server.inside(({ roles }) => roles.delete(role));
      await expect(remove()).rejects.toMatchObject({
        code: 'role_in_use',
        details: { members: { assignment_count: 1 } },
      });
      expect((await ask(server, maker, 'delete', `/api-keys/${id}`)).status).toBe(204);
      await remove();
      expect(await recorded('role.removed', id)).toEqual([{ role }]);
    });

    it('while a person has a key with it, and no more when their keys end', async () => {
      const role = await makeRole(['users:read']);
      const { user, token } = await makeAdministrator(server, 'api_keys:write clients:read users:read');
      await makeApiKey(server, token, { kind: 'user', roles: [role] });
      await server.inside(({ apiKeys }) => apiKeys.endAll(user.id, 'password_changed'));
      await server.inside(({ roles }) => roles.delete(role));
    });

    it('whatever writes the row: the database itself keeps it', async () => {
      const role = await makeRole(['users:read']);
      const { id } = await makeApiKey(server, maker, { roles: [role] });
      const query = (text: string, values: unknown[]) => server.services.db.manager.query(text, values);
      await expect(query('DELETE FROM roles WHERE key = $1', [role])).rejects.toThrow('role_assignments_role_fkey');
      await expect(query('UPDATE api_keys SET roles = $2 WHERE id = $1', [id, ['NOBODY']])).rejects.toThrow(
        'role_assignments_role_fkey',
      );
      await query('DELETE FROM api_keys WHERE id = $1', [id]);
      await query('DELETE FROM roles WHERE key = $1', [role]);
      expect(await query('SELECT 1 FROM roles WHERE key = $1', [role])).toEqual([]);
    });
  });
});
