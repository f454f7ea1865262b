import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { endpointsOf } from '../../src/endpoints.js';
import { builtInRoles } from '../../src/features/roles/built-in-roles.js';
import { installationScopes, managementScopes } from '../../src/management.js';
import { isMet } from '../../src/platform/requirement.js';
import type { Services } from '../../src/services.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { bodyFor } from '../support/bodies.js';
import { endedJob, startJob } from '../support/jobs.js';
import { makeClient, makePerson, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const every = Object.keys({ ...managementScopes, ...installationScopes }).join(' ');
const nobody = '00000000-0000-7000-8000-000000000000';

describe('what a role opens, and who gives it', () => {
  let server: TestServer;
  let everything: string;
  const said = ({ status, body }: Answer) => [status, body.code];
  const refused = [403, 'scope_not_held'];

  beforeAll(async () => {
    server = await startServer();
    everything = await tokenWith(server, every);
    await server.inside(({ resources }) =>
      resources.create({ identifier: trips, name: 'Trips', scopes: [{ name: 'read' }, { name: 'write' }] }),
    );
    await person('ADMIN');
  }, 180_000);
  afterAll(() => server?.close());

  const trips = 'https://trips.example/api';
  const make = async (permissions: string[], ...there: string[]) => {
    const key = `r${randomUUID()}`;
    const resource_permissions = there.length > 0 ? [{ resource: trips, permissions: there }] : [];
    await server.inside(({ roles }) => roles.create({ key, name: key, permissions, resource_permissions }));
    return key;
  };
  async function person(...roles: string[]) {
    const made = await makePerson(server);
    await server.inside(async ({ users }) => users.setRoles(await users.find(made.id), roles));
    return made;
  }
  /** As somebody who has these roles, with a client that was given everything. */
  const signedInAs = async (...roles: string[]) => {
    const { id, email } = await person(...roles);
    const console = await makeClient(server, { scope: `openid ${every}`, consent_policy: 'implicit' });
    const asked = { resource: `${server.issuer}/api`, scope: `openid ${every}` };
    const token = String((await tokensFor(server, console, email, asked)).access_token);
    return { id, token, ask: (method: string, path: string, body?: unknown) => ask(server, token, method, path, body) };
  };

  describe('nobody grants above themselves (OWASP ASVS 5.0 V8.2)', () => {
    it('no role with what they lack: neither made, nor changed so, nor taken from what they lack, nor deleted', async () => {
      const chief = await signedInAs(await make(['roles:read', 'roles:write', 'users:read']));
      const role = (permissions: string[]) => ({ key: `r${randomUUID()}`, name: 'Mine', permissions });
      expect(said(await chief.ask('post', '/roles', role(['keys:write'])))).toEqual(refused);
      const own = await chief.ask('post', '/roles', role(['users:read']));
      expect(own.status).toBe(201);
      const path = `/roles/${own.body.key}`;
      expect(said(await chief.ask('patch', path, { permissions: ['users:read', 'users:write'] }))).toEqual(refused);
      expect((await chief.ask('patch', path, { permissions: ['roles:read'] })).status).toBe(200);
      const higher = `/roles/${await make(['keys:write', 'users:read'])}`;
      for (const body of [{ permissions: ['users:read'] }, { name: 'Mine' }])
        expect(said(await chief.ask('patch', higher, body))).toEqual(refused);
      expect(said(await chief.ask('delete', higher))).toEqual(refused);
      expect((await chief.ask('get', higher)).body).toMatchObject({
        permissions: ['keys:write', 'users:read'],
        version: 1,
      });
    });

    it.each(['people', 'clients'])('to %s no role that opens more, nor is one taken from them', async (whom) => {
      const chief = await signedInAs(await make(['roles:read', 'roles:write', 'users:read']));
      const [low, high] = [await make(['users:read']), await make(['keys:write'])];
      const { clientId } = await makeClient(server);
      const path = whom === 'people' ? `/users/${(await person()).id}/roles` : `/clients/${clientId}/roles`;
      for (const role of [high, 'ADMIN', 'SUPPORT']) {
        expect(said(await chief.ask('put', `${path}/${role}`))).toEqual(refused);
        expect(said(await chief.ask('put', path, { roles: [low, role] }))).toEqual(refused);
      }
      expect((await chief.ask('put', path, { roles: [low, 'USER'] })).status).toBe(200);
      expect((await ask(server, everything, 'put', `${path}/${high}`)).status).toBe(204);
      for (const [method, below, body] of [
        ['delete', `/${high}`],
        ['delete', `/${low}`],
        ['put', '/BILLING_ADMIN'],
        ['put', '', { roles: [] }],
      ] as const)
        expect(said(await chief.ask(method, path + below, body))).toEqual(refused);
      const now = await ask(server, everything, 'get', path);
      expect(now.body.roles).toEqual([low, 'USER', high]);
    });

    it('a client neither: what its token holds is the most it gives', async () => {
      const weak = await tokenWith(server, 'roles:write users:read');
      const { id } = await person();
      expect(said(await ask(server, weak, 'put', `/users/${id}/roles`, { roles: ['ADMIN'] }))).toEqual(refused);
      expect((await ask(server, weak, 'put', `/users/${id}/roles`, { roles: ['USER'] })).status).toBe(200);
      expect((await ask(server, everything, 'put', `/users/${id}/roles`, { roles: ['ADMIN'] })).status).toBe(200);
    });

    it('nobody changes people who hold more: not their address, their factors, nor whether they may come in', async () => {
      const chief = await signedInAs(await make(['roles:write', 'users:read', 'users:write', 'users:lock']));
      const equal = await person(await make(['users:read']));
      const { id } = await person('ADMIN');
      const attempts = [
        ['patch', '', { email: 'mine@example.com' }],
        ['put', '/suspension', undefined],
        ['delete', '/suspension', undefined],
        ['delete', '/lockout', undefined],
        ['delete', '/second-factors', undefined],
        ['delete', '', undefined],
      ] as const;
      for (const [method, below, body] of attempts)
        expect([method, below, ...said(await chief.ask(method, `/users/${id}${below}`, body))]).toEqual([
          method,
          below,
          ...refused,
        ]);
      expect((await chief.ask('patch', `/users/${equal.id}`, { email_verified: false })).status).toBe(200);
    });

    it('nobody raises themselves', async () => {
      const role = await make(['roles:write', 'users:read']);
      const chief = await signedInAs(role);
      expect(said(await chief.ask('put', `/users/${chief.id}/roles/ADMIN`))).toEqual(refused);
      expect(said(await chief.ask('patch', `/roles/${role}`, { permissions: ['roles:write', 'keys:write'] }))).toEqual(
        refused,
      );
    });

    it('nor at resources: no role that opens more there is made, changed, given, taken or deleted', async () => {
      const chief = await signedInAs(await make(['roles:write', 'users:read'], 'read'));
      const [low, high] = [await make([], 'read'), await make([], 'read', 'write')];
      const opening = (...permissions: string[]) => ({ resource_permissions: [{ resource: trips, permissions }] });
      const role = (...there: string[]) => ({ key: `r${randomUUID()}`, name: 'Mine', ...opening(...there) });
      const own = await chief.ask('post', '/roles', role('read'));
      expect(own.status).toBe(201);
      const holder = await person(high);
      const { clientId } = await makeClient(server);
      const attempts = [
        ['post', '/roles', role('write')],
        ['patch', `/roles/${own.body.key}`, opening('read', 'write')],
        ['patch', `/roles/${high}`, opening('read')],
        ['delete', `/roles/${await make([], 'write')}`, undefined],
        ['put', `/users/${chief.id}/roles/${high}`, undefined],
        ['put', `/users/${chief.id}/roles`, { roles: [low, high] }],
        ['put', `/clients/${clientId}/roles/${high}`, undefined],
        ['delete', `/users/${holder.id}/roles/${high}`, undefined],
      ] as const;
      for (const [method, path, body] of attempts)
        expect([method, path, ...said(await chief.ask(method, path, body))]).toEqual([method, path, ...refused]);
      expect((await chief.ask('put', `/clients/${clientId}/roles/${low}`)).status).toBe(204);
      expect((await ask(server, everything, 'put', `/users/${chief.id}/roles/${high}`)).status).toBe(204);
      expect((await chief.ask('post', '/roles', role('write'))).status).toBe(201);
    });

    it('who may do more at a resource is changed by nobody who may do less there', async () => {
      const chief = await signedInAs(await make(['roles:write', 'users:read', 'users:write'], 'read'));
      const [equal, higher] = [await person(await make([], 'read')), await person(await make([], 'write'))];
      const change = { email: `${randomUUID()}@example.com` };
      expect(said(await chief.ask('patch', `/users/${higher.id}`, change))).toEqual(refused);
      expect((await chief.ask('patch', `/users/${equal.id}`, change)).status).toBe(200);
    });

    it('nor many at once, nor by long work', async () => {
      const opened = ['roles:write', 'users:read', 'users:write', 'jobs:read', 'jobs:write'];
      const chief = await signedInAs(await make(opened, 'read'));
      const [equal, higher] = [await person(await make([], 'read')), await person(await make([], 'write'))];
      const operations = [equal, higher].map(({ id }) => ({ op: 'disable', user_id: id }));
      const expected = [
        expect.objectContaining({ user_id: equal.id, done: true }),
        expect.objectContaining({ user_id: higher.id, error: expect.objectContaining({ code: 'scope_not_held' }) }),
      ];
      expect((await chief.ask('post', '/users/bulk', { operations })).body.results).toEqual(expected);
      const { id } = await startJob(server, chief.token, { kind: 'users_bulk', operations });
      await endedJob(server, chief.token, id);
      const { body } = await chief.ask('get', `/jobs/${id}/result`);
      const lines = String(body.text).trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line))).toEqual(expected);
      expect((await ask(server, everything, 'get', `/users/${higher.id}`)).body.disabled_at).toBeNull();
    });

    it('a client that may do more at a resource by its roles gives no secret, and is not changed', async () => {
      const { clientId } = await makeClient(server);
      const path = `/clients/${clientId}`;
      expect((await ask(server, everything, 'put', `${path}/roles/${await make([], 'write')}`)).status).toBe(204);
      expect((await ask(server, everything, 'put', `${path}/suspension`)).status).toBe(204);
      const weak = await signedInAs(await make(['clients:write'], 'read'));
      const attempts = [
        ['post', '/secrets', {}],
        ['patch', '', { redirect_uris: ['https://mine.example/cb'] }],
        ['delete', '/suspension', undefined],
      ] as const;
      for (const [method, below, body] of attempts)
        expect([method, below, ...said(await weak.ask(method, path + below, body))]).toEqual([
          method,
          below,
          ...refused,
        ]);
      const strong = await signedInAs(await make(['clients:write'], 'read', 'write'));
      expect((await strong.ask('delete', `${path}/suspension`)).status).toBe(204);
      expect((await strong.ask('post', `${path}/secrets`, {})).status).toBe(201);
    });

    it('ADMIN, which opens whatever a resource has, is given by those who have it', async () => {
      const almost = await signedInAs(await make(every.split(' ')));
      const { id } = await person();
      expect(said(await almost.ask('put', `/users/${id}/roles/ADMIN`))).toEqual(refused);
      const administrator = await signedInAs('ADMIN');
      expect((await administrator.ask('put', `/users/${id}/roles/ADMIN`)).status).toBe(204);
    });

    it('who has no role any more gives none, with the token they had', async () => {
      const role = await make(['roles:write']);
      const chief = await signedInAs(role);
      const { id } = await person();
      expect((await chief.ask('put', `/users/${id}/roles/USER`)).status).toBe(204);
      expect((await ask(server, everything, 'delete', `/users/${chief.id}/roles/${role}`)).status).toBe(204);
      expect(said(await chief.ask('delete', `/users/${id}/roles/USER`))).toEqual([403, 'insufficient_scope']);
    });
  });

  it('of two administrators who are taken their role at once, one keeps it', async () => {
    const alone = await startServer();
    try {
      const token = await tokenWith(alone, every);
      const two = await Promise.all([makePerson(alone), makePerson(alone)]);
      for (const { id } of two)
        await alone.inside(async ({ users }) => users.setRoles(await users.find(id), ['ADMIN', 'USER']));
      const answers = await Promise.all(two.map(({ id }) => ask(alone, token, 'delete', `/users/${id}/roles/ADMIN`)));
      expect(answers.map(said).sort()).toEqual([
        [204, undefined],
        [409, 'last_administrator'],
      ]);
    } finally {
      await alone.close();
    }
  }, 180_000);

  describe.each(builtInRoles.map(({ key }) => key))('%s, at every endpoint', (key) => {
    const role = builtInRoles.find((one) => one.key === key);
    const held = new Set(role?.permissions === 'every' ? every.split(' ') : role?.permissions);
    // Whoever gets in reaches the handler: here nothing of that name is there.
    const routes = endpointsOf({} as Services).map((one) => [one.method, one.path, one] as const);
    let holder: Awaited<ReturnType<typeof signedInAs>>;

    beforeAll(async () => {
      holder = await signedInAs(key);
    }, 60_000);

    it.each(routes)('%s %s', async (method, path, { scope, body }) => {
      const address = path.replace(/:(\w+)/g, nobody);
      // What makes something anew, and asks for nothing that is there, would make it.
      const sent = body && (path.includes(':') ? bodyFor(body) : { urn_unknown: true });
      const answer = await holder.ask(method, address, sent);
      if (isMet(scope, held)) expect(answer.body.code).not.toBe('insufficient_scope');
      else expect(said(answer)).toEqual([403, 'insufficient_scope']);
    });
  });

  it('SUPPORT helps people, and touches nobody who has a role', async () => {
    const support = await signedInAs('SUPPORT');
    const [anybody, colleague] = [await person(), await person('SUPPORT')];
    for (const [method, below] of [
      ['get', ''],
      ['put', '/suspension'],
      ['delete', '/suspension'],
      ['delete', '/lockout'],
    ] as const) {
      expect([200, 204]).toContain((await support.ask(method, `/users/${anybody.id}${below}`)).status);
      if (method !== 'get') expect(said(await support.ask(method, `/users/${colleague.id}${below}`))).toEqual(refused);
    }
    const everybody = await support.ask('post', '/session-endings', { reason: 'a drill' });
    expect(said(everybody)).toEqual([403, 'insufficient_scope']);
    for (const path of ['/sessions', '/grants', '/audit-events', '/mail-messages', '/traces'])
      expect([path, (await support.ask('get', path)).status]).toEqual([path, 200]);
  });
});
