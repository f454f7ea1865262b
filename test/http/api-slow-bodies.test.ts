import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { User } from '../../src/features/users/user.entity.js';
import { enter } from '../support/account.js';
import { ask, tokenWith } from '../support/api.js';
import { makeAdministrator, makeApiKey } from '../support/api-keys.js';
import { organizationOf } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const scope = 'api_keys:read api_keys:write clients:read';

describe('a request to the management API whose body comes late', () => {
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, scope);
    await makeAdministrator(server, scope);
  }, 180_000);
  afterAll(() => server?.close());

  /** Who asks is looked at when the head is there; the body ends when whoever asks likes. */
  const begin = (by: string, body: object) => beginAt('/api-keys', { authorization: `Bearer ${by}` }, body);
  function beginAt(path: string, who: Record<string, string>, body: object) {
    const [first, rest] = [JSON.stringify(body).slice(0, 5), JSON.stringify(body).slice(5)];
    const headers = { ...who, 'content-type': 'application/json' };
    const asking = request(`${server.issuer}/api/v1${path}`, { method: 'POST', headers });
    const answer = new Promise<{ status: number | undefined; code: unknown }>((resolve, reject) => {
      asking.once('error', reject);
      asking.once('response', async (response) => {
        const text = (await response.toArray()).map(String).join('');
        resolve({ status: response.statusCode, code: (JSON.parse(text) as Record<string, unknown>).code });
      });
    });
    asking.write(first);
    return async () => {
      asking.end(rest);
      return answer;
    };
  }
  const later = () => new Promise((resolve) => setTimeout(resolve, 300));
  const key = { name: 'Kept', kind: 'user', scopes: ['clients:read'] };

  it('is answered where nothing has changed meanwhile', async () => {
    const { token: own } = await makeAdministrator(server, scope);
    const end = begin(own, key);
    await later();
    expect((await end()).status).toBe(201);
  });

  it.each<[string, (user: User) => Promise<unknown>, number, string]>([
    [
      'the account was closed to everybody',
      (user) => server.inside(({ users }) => users.disable(user)),
      401,
      'invalid_token',
    ],
    [
      'the sessions and grants of the person have ended',
      (user) => server.inside(({ protocol }) => protocol.grants.endAll({ accountId: user.id }, 'logout')),
      401,
      'invalid_token',
    ],
    [
      'the person has no role any more',
      (user) => server.inside(({ users }) => users.setRoles(user, [])),
      403,
      'insufficient_scope',
    ],
    [
      'the person may do less',
      async (user) => {
        const permissions = ['api_keys:write'];
        await server.inside(({ roles }) => roles.create({ key: 'LESS', name: 'Less', permissions }));
        await server.inside(({ users }) => users.setRoles(user, ['LESS']));
      },
      403,
      'scope_not_held',
    ],
  ])('does nothing where %s meanwhile', async (_what, happens, status, code) => {
    const { user, token: own } = await makeAdministrator(server, scope);
    const end = begin(own, key);
    await later();
    await happens(user);
    expect(await end()).toEqual({ status, code });
    const { body } = await ask(server, token, 'get', `/api-keys?user_id=${user.id}`);
    expect(body.items).toEqual([]);
  });

  it.each([false, true])(
    'by the session of an account does nothing where that has ended (%s) meanwhile',
    async (ends) => {
      const person = await makePerson(server);
      const { browser } = await enter(server, person.email);
      const { slug } = await organizationOf(server, { [person.id]: 'owner' });
      const me = await browser.request(`${server.issuer}/api/v1/auth/me`, { headers: { accept: 'application/json' } });
      const cookie = [...browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
      const who = { cookie, origin: server.issuer, 'x-csrf-token': String((await me.json()).csrf_token) };
      const end = beginAt(`/organizations/${slug}/teams`, who, { slug: 'kept', name: 'Kept' });
      await later();
      if (ends) await server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'revoked'));
      const { status, code } = await end();
      expect([status, code]).toEqual(ends ? [403, 'session_ended'] : [201, undefined]);
    },
  );

  it('does nothing where it was asked with a key that was revoked meanwhile', async () => {
    const { id, value } = await makeApiKey(server, token, { scopes: ['api_keys:write'] });
    const end = begin(value, { name: 'Kept', scopes: [] });
    await later();
    expect((await ask(server, token, 'delete', `/api-keys/${id}`)).status).toBe(204);
    expect(await end()).toEqual({ status: 401, code: 'invalid_token' });
  });
});
