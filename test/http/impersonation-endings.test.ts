import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import type { Services } from '../../src/services.js';
import { ask, tokenWith } from '../support/api.js';
import { allow, begin, type Help, help, hotels, makeHelp, makeHelper } from '../support/impersonating.js';
import { introspect, makeClient, makePerson, type Party, post } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Case {
  services: Services;
  person: { id: string; email: string };
  helper: Awaited<ReturnType<typeof makeHelper>>;
  app: Party;
}
type End = (one: Case) => Promise<unknown>;

const user = ({ services, person }: Case) => services.users.find(person.id);
const helper = ({ services, helper: { person } }: Case) => services.users.find(person.id);

/** What has changed for the person. */
const ofPerson: Record<string, End> = {
  'the person is disabled': async (one) => one.services.users.disable(await user(one)),
  'the person is disabled, and enabled again': async ({ services: { users }, ...one }) =>
    users.enable(await users.disable(await users.find(one.person.id))),
  'the person deletes their account, and keeps it after all': async (one) => {
    await one.services.accountDeletion.request(await user(one));
    await one.services.users.reopen(await user(one));
  },
  'the person is deleted': async (one) => one.services.users.delete(await user(one)),
  'their password is changed': async (one) => one.services.passwords.set(await user(one), 'mountains are patient'),
  'their password is taken away': async (one) => one.services.passwords.remove(await user(one)),
  'the person says "this was not me"': async (one) => {
    const { lockdown, lockdownLinks } = one.services;
    const link = new URL(await lockdownLinks.issue(await user(one)));
    await lockdown.redeem(String(link.searchParams.get('token')));
  },
  'the person is signed out everywhere': async ({ services, person }) =>
    services.protocol.sessions.endAll(person.id, 'revoked'),
  'the person gets a role': async (one) => one.services.users.setRoles(await user(one), ['USER']),
};

/** What has changed for whoever acts. */
const ofHelper: Record<string, End> = {
  'whoever acts is disabled': async (one) => one.services.users.disable(await helper(one)),
  'whoever acts is deleted': async (one) => one.services.users.delete(await helper(one)),
  'whoever acts has a new password': async (one) =>
    one.services.passwords.set(await helper(one), 'mountains are patient'),
  'whoever acts is signed out everywhere': async ({ services, helper: { person } }) =>
    services.protocol.sessions.endAll(person.id, 'revoked'),
  'what whoever acts was given is taken back': ({ services, helper: { person, party } }) =>
    services.protocol.grants.endAll({ accountId: person.id, clientId: party.clientId }, 'revoked'),
  'whoever acts loses their role': async (one) => one.services.users.setRoles(await helper(one), []),
  'whoever acts gets another role': async (one) => one.services.users.setRoles(await helper(one), ['HELPERS', 'USER']),
  'the role of whoever acts opens less': ({ services }) =>
    services.roles.update('HELPERS', { permissions: ['users:read'] }),
};

const ofHouse: Record<string, End> = {
  'the client is disabled': async ({ services: { clients }, app }) => clients.disable(await clients.find(app.clientId)),
  'the tenant switches it off': async ({ services: { tenants } }) =>
    tenants.update(await tenants.find('default'), { settings: { impersonation: { mode: 'off' } } }),
  'the tenant takes its settings back': async ({ services: { tenants } }) =>
    tenants.update(await tenants.find('default'), { settings: { impersonation: null } }),
};

/** What ends all of the tenant; everything else leaves the others alone. */
const everybodys = ['the tenant switches it off', 'the tenant takes its settings back'];

describe('who acts for somebody stops when either of the two may not any more (OWASP ASVS 5.0 V7.4)', () => {
  let server: TestServer;
  let by: Help;
  let other: { id: string };

  beforeAll(async () => {
    server = await startServer();
    by = await makeHelp(server);
    await server.inside(({ roles }) =>
      roles.create({ key: 'HELPERS', name: 'Helpers', permissions: ['users:impersonate', 'users:read'] }),
    );
    other = await makePerson(server);
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    await allow(server);
    await server.inside(({ roles }) =>
      roles.update('HELPERS', { permissions: ['users:impersonate', 'users:read'] } as never),
    );
  });

  it.each(Object.entries({ ...ofPerson, ...ofHelper, ...ofHouse }))('%s', async (name, end) => {
    const app = await makeClient(server);
    const person = await makePerson(server);
    const one = await makeHelper(server, ['HELPERS']);
    const as = { token: one.token, app };
    const begun = [await help(server, as, person.id), await help(server, as, person.id, { resource: hotels })];
    const others = await help(server, by, other.id);
    // As the resource server, which stays whatever becomes of the client.
    const active = async (token: string) => (await introspect(server, by.app, token)).body.active as unknown as boolean;
    const look = () => Promise.all(begun.map(({ token }) => active(token)));
    expect(await look()).toEqual([true, true]);
    await server.inside((services) => end({ services, person, helper: one, app }));
    expect(await look()).toEqual([false, false]);
    expect(await active(others.token)).toBe(!everybodys.includes(name));
    const ended = (await server.inside(({ db }) =>
      db.manager.query(
        `SELECT data ->> 'impersonation_id' AS id FROM audit_events WHERE name = 'impersonation.ended' AND data ->> 'user_id' = $1`,
        [person.id],
      ),
    )) as { id: string }[];
    expect(ended.map(({ id }) => id).sort()).toEqual(begun.map(({ id }) => id).sort());
  });

  it('whoever loses their role at the same moment acts for nobody afterwards, and neither for somebody who gets one', async () => {
    for (const whose of ['helper', 'person'] as const) {
      const person = await makePerson(server);
      const one = await makeHelper(server, ['HELPERS']);
      const changed = whose === 'helper' ? one.person.id : person.id;
      const answers = await Promise.all([
        ...Array.from({ length: 4 }, () => begin(server, { ...by, token: one.token }, person.id)),
        server.inside(async ({ users }) => {
          await users.setRoles(await users.find(changed), whose === 'helper' ? [] : ['ADMIN']);
          return undefined;
        }),
        ...Array.from({ length: 4 }, () => begin(server, { ...by, token: one.token }, person.id)),
      ]);
      for (const answer of answers) {
        if (answer === undefined) continue;
        expect([201, 403]).toContain(answer.status);
        if (answer.status === 201)
          expect((await introspect(server, by.app, String(answer.body.access_token))).body.active).toBe(false);
      }
    }
  });

  it('a tenant that switches it off ends its own, and those of no other', async () => {
    const tenant = await server.inside(({ tenants }) =>
      tenants.create({ slug: 'beside', name: 'Beside', settings: { impersonation: { mode: 'allowed' } } }),
    );
    const begun = await help(server, by, other.id);
    await withContext({ tenantId: tenant.id }, () =>
      server.services.tenants.update(tenant, { settings: { impersonation: { mode: 'off' } } }),
    );
    expect((await introspect(server, by.app, begun.token)).body.active).toBe(true);
    const chief = await tokenWith(server, 'settings:write');
    const off = { settings: { impersonation: { mode: 'off' } } };
    expect((await ask(server, chief, 'patch', '/settings', off)).status).toBe(200);
    expect((await introspect(server, by.app, begun.token)).body.active).toBe(false);
  });

  it('the client can give its token back (RFC 7009), and no other client', async () => {
    const begun = await help(server, by, other.id, { resource: hotels });
    const stranger = await makeClient(server);
    await post(server, '/revoke', stranger, { token: begun.token });
    expect((await introspect(server, by.app, begun.token)).body.active).toBe(true);
    expect((await post(server, '/revoke', by.app, { token: begun.token })).status).toBe(200);
    expect((await introspect(server, by.app, begun.token)).body.active).toBe(false);
  });

  it('nobody goes on in the name of people who are all signed out, not even whoever has signed them out', async () => {
    const begun = await help(server, by, other.id);
    const answer = await ask(server, by.token, 'post', '/session-endings', { reason: 'An incident' });
    expect(answer.status).toBe(202);
    expect((await introspect(server, by.app, begun.token)).body.active).toBe(false);
  });
});
