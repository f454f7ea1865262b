// As whom identity providers speak of people: linked and taken back, by administrators and by their owners; and the sessions that stand on them.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Connection } from '../../src/features/connections/connection.entity.js';
import type { Identity } from '../../src/features/connections/identity.entity.js';
import { newId } from '../../src/platform/crypto.js';
import type { Services } from '../../src/services.js';
import { ask, makeManager, managementToken } from '../support/api.js';
import { browser, comeIn, heldAt, identity, makeConnection, recorded, signInAt } from '../support/connections.js';
import { makeOrganization, newName } from '../support/invitations.js';
import { makeClient, makePerson, post, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('as whom identity providers speak of people', () => {
  let server: TestServer;
  let connection: Connection;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    token = await managementToken(
      server,
      await makeManager(server, 'users:read users:write traces:read'),
      'users:read users:write traces:read',
    );
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    connection = await makeConnection(server);
  });

  const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
  const api = (method: string, path: string, body?: object) => ask(server, token, method as never, path, body as never);
  const link = (id: string, subject = newName()) =>
    inside(({ identities }) => identities.link({ id }, connection.id, subject));
  /** Without any other way in. */
  const onlyThere = (id: string) =>
    server.services.db.manager.query('DELETE FROM password_credentials WHERE user_id = $1', [id]);
  const sessionsOf = async (id: string): Promise<string[]> =>
    (
      await server.services.db.manager.query(
        'SELECT uid FROM sessions WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at',
        [id],
      )
    ).map(({ uid }: { uid: string }) => uid);

  describe('by an administrator', () => {
    it('linked, listed and taken back', async () => {
      const person = await makePerson(server);
      const path = `/users/${person.id}/identities`;
      const made = await api('post', path, { connection_id: connection.id, subject: 'ada' });
      expect([made.status, made.body]).toEqual([
        201,
        expect.objectContaining({ subject: 'ada', connection_key: connection.key, last_used_at: null }),
      ]);
      expect((await api('get', path)).body).toEqual({ items: [made.body] });
      expect((await comeIn(server, connection, identity('ada'))).user.id).toBe(person.id);
      expect((await api('delete', `${path}/${made.body.id}`)).status).toBe(204);
      expect((await api('get', path)).body).toEqual({ items: [] });
      expect((await recorded(server, 'identity.unlinked', connection)).map(({ by }) => by)).toEqual(['administrator']);
    });

    it('somebody already, an unknown connection, a subject with control characters, a member nobody knows', async () => {
      const [one, two] = [await makePerson(server), await makePerson(server)];
      await link(one.id, 'ada');
      const said = async (body: object) => (await api('post', `/users/${two.id}/identities`, body)).status;
      expect(await said({ connection_id: connection.id, subject: 'ada' })).toBe(409);
      expect(await said({ connection_id: newId(), subject: 'ada' })).toBe(404);
      expect(await said({ connection_id: connection.id, subject: 'a\u0085' })).toBe(422);
      expect(await said({ connection_id: connection.id, subject: 'b', user_id: one.id })).toBe(422);
    });

    it('nobody with a role, by whoever may not give roles', async () => {
      const person = await makePerson(server);
      const mine = await link(person.id);
      await inside(async ({ users }) => users.setRoles(await users.find(person.id), ['SUPPORT']));
      const path = `/users/${person.id}/identities`;
      expect((await api('post', path, { connection_id: connection.id, subject: 'x' })).status).toBe(403);
      const again = await link(person.id);
      expect(again.id).not.toBe(mine.id);
      expect((await api('delete', `${path}/${again.id}`)).status).toBe(403);
    });

    it('of somebody else as of none', async () => {
      const [one, two] = [await makePerson(server), await makePerson(server)];
      const { id } = await link(one.id);
      expect((await api('delete', `/users/${two.id}/identities/${id}`)).status).toBe(404);
      expect(await inside(({ identities }) => identities.of(one))).toHaveLength(1);
    });
  });

  describe('by its owner', () => {
    const unlink = ({ id }: Identity, userId: string, except?: string) =>
      inside(({ identities }) => identities.unlink({ id: userId }, id, 'owner', except));

    it('not the last way in', async () => {
      const person = await makePerson(server);
      const mine = await link(person.id);
      await onlyThere(person.id);
      await expect(unlink(mine, person.id)).rejects.toMatchObject({ status: 409, code: 'last_way_in' });
      await link(person.id);
      await unlink(mine, person.id);
    });

    it('of two that are the last ones, taken back at once, one stays', async () => {
      const person = await makePerson(server);
      const both = [await link(person.id), await link(person.id)];
      await onlyThere(person.id);
      const results = await Promise.allSettled(both.map((one) => unlink(one, person.id)));
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await inside(({ identities }) => identities.of(person))).toHaveLength(1);
    });

    it('one at a connection that takes nobody now is no other way in', async () => {
      const person = await makePerson(server);
      const mine = await link(person.id);
      connection = await makeConnection(server, { enabled: false });
      await link(person.id);
      await onlyThere(person.id);
      await expect(unlink(mine, person.id)).rejects.toMatchObject({ code: 'last_way_in' });
    });

    it('the session in which it is done goes on, others that stand on it end', async () => {
      const person = await makePerson(server);
      const mine = await link(person.id, 'ada');
      const held = await signInAt(server, connection, identity('ada'));
      const party = await makeClient(server, { consent_policy: 'implicit' });
      await tokensFor(server, party, person.email);
      await tokensFor(server, party, person.email);
      const [first = '', second = ''] = await sessionsOf(person.id);
      for (const uid of [first, second])
        expect(await inside(({ upstreamSessions }) => upstreamSessions.remember(uid, held))).toBe(true);
      await unlink(mine, person.id, second);
      expect(await sessionsOf(person.id)).toEqual([second]);
    });
  });

  it('“this was not me” takes away those that were added in the last days, and leaves the older ones', async () => {
    const person = await makePerson(server);
    const [old, recent] = [await link(person.id, 'old'), await link(person.id, 'recent')];
    await server.services.db.manager.query(
      `UPDATE identities SET created_at = now() - interval '8 days' WHERE id = $1`,
      [old.id],
    );
    const redeem = (make: (services: Services) => Promise<string>) =>
      inside(async (services) =>
        services.lockdown.redeem(new URL(await make(services)).searchParams.get('token') ?? ''),
      );
    const left = async () => (await inside(({ identities }) => identities.of(person))).map(({ subject }) => subject);
    // What a session begins that anybody may hold takes nothing away that its owner comes in by.
    await redeem(({ lockdownLinks }) => lockdownLinks.issueIn('session', person, false));
    expect(await left()).toEqual(['old', 'recent']);
    await redeem(({ lockdownLinks }) => lockdownLinks.issue(person));
    expect(await left()).toEqual(['old']);
    expect(await recorded(server, 'identity.unlinked', connection)).toMatchObject([
      { identity_id: recent.id, by: 'locked_down' },
    ]);
  });

  it('with the account they are all gone', async () => {
    const { user } = await comeIn(server, connection, identity('ada', { email: `ada@${newName()}.example` }));
    await inside(({ users }) => users.delete(user));
    for (const table of ['identities', 'upstream_sessions', 'traces'])
      expect([
        table,
        await server.services.db.manager.query(`SELECT 1 FROM ${table} WHERE user_id = $1`, [user.id]),
      ]).toEqual([table, []]);
  });

  describe('sessions that stand on one over there', () => {
    const begin = async (subject: string, index?: string) => {
      const person = await makePerson(server);
      await link(person.id, subject);
      const party = await makeClient(server, {
        consent_policy: 'implicit',
        backchannel_logout_uri: 'https://rp.example/bc',
      });
      const { refresh_token } = await tokensFor(server, party, person.email, {
        scope: 'openid offline_access',
        prompt: 'consent',
      });
      const [uid = ''] = await sessionsOf(person.id);
      const session = { ...(index ? { index } : {}), name_id: { value: subject }, ends_at: 2_000_000_000 };
      const held = await signInAt(server, connection, identity(subject, {}, { session }));
      expect(await inside(({ upstreamSessions }) => upstreamSessions.remember(uid, held))).toBe(true);
      return { person, uid, party, held, refresh: String(refresh_token) };
    };
    const isAlive = async ({ person, uid }: { person: { id: string }; uid: string }) =>
      (await sessionsOf(person.id)).includes(uid);
    const end = (told: { subject?: string; session_index?: string }, at = connection) =>
      inside(({ upstreamSessions }) => upstreamSessions.endedUpstream(at.id, told));
    const refreshes = async ({ party, refresh }: Awaited<ReturnType<typeof begin>>) =>
      (await post(server, '/token', party, { grant_type: 'refresh_token', refresh_token: refresh })).status;

    it('end with it: by the subject, by the session, or by both; exactly those, and their applications are told', async () => {
      const [ada, grace, alan, other] = [
        await begin('ada', 's1'),
        await begin('grace', 's2'),
        await begin('alan', 's3'),
        await begin('other', 's4'),
      ];
      expect(await end({ subject: 'ada' })).toBe(1);
      expect(await end({ session_index: 's2' })).toBe(1);
      expect(await end({ subject: 'alan', session_index: 's3' })).toBe(1);
      expect([await isAlive(ada), await isAlive(grace), await isAlive(alan), await isAlive(other)]).toEqual([
        false,
        false,
        false,
        true,
      ]);
      for (const { uid } of [ada, grace, alan])
        expect(
          await server.services.db.manager.query('SELECT 1 FROM logout_notices WHERE session_uid = $1', [uid]),
        ).toHaveLength(1);
    });

    it('not by another connection, by a subject and a session that are not one, or by nothing', async () => {
      const ada = await begin('ada', 's1');
      await begin('grace', 's2');
      expect(await end({ subject: 'ada' }, await makeConnection(server))).toBe(0);
      expect(await end({ subject: 'ada', session_index: 's2' })).toBe(0);
      expect(await end({})).toBe(0);
      expect(await isAlive(ada)).toBe(true);
    });

    it('a sign-in of theirs that is on its way ends too', async () => {
      const mine = browser();
      const handle = await inside((services) =>
        heldAt(services, connection, identity('ada', { email: `ada@${newName()}.example` }), { binding: mine }),
      );
      await end({ subject: 'ada' });
      await expect(inside(({ federatedSignIns }) => federatedSignIns.redeem(handle, mine))).rejects.toMatchObject({
        code: 'invalid_handle',
      });
    });

    it.each(['disabled', 'deleted'] as const)(
      'end when the connection is %s, with everything that was granted in them',
      async (how) => {
        const ada = await begin('ada');
        expect(await refreshes(ada)).toBe(200);
        await inside(async ({ connections }) => {
          const now = await connections.find(null, connection.id);
          await (how === 'deleted' ? connections.delete(null, now) : connections.disable(null, now));
        });
        expect(await isAlive(ada)).toBe(false);
        expect(await refreshes(ada)).toBe(400);
      },
    );

    it.each(['suspended', 'deleted'] as const)('end when the organization of the connection is %s', async (how) => {
      const acme = await makeOrganization(server);
      connection = await makeConnection(server, { organization: acme });
      const ada = await begin('ada');
      await inside(async ({ organizations }) => {
        await (how === 'deleted' ? organizations.delete(acme) : organizations.suspend(acme, 'unpaid'));
      });
      for (let left = 100; (await isAlive(ada)) && left > 0; left -= 1)
        await new Promise((resolve) => setTimeout(resolve, 100));
      expect(await isAlive(ada)).toBe(false);
      expect(await refreshes(ada)).toBe(400);
    });

    it('end when the identity provider has said that they would, unless they were proved anew since (SAML Core §2.7.2)', async () => {
      const [ada, grace] = [await begin('ada'), await begin('grace')];
      await server.services.db.manager.query(
        `UPDATE upstream_sessions SET ends_at = now() - interval '1 second' WHERE session_uid = ANY ($1)`,
        [[ada.uid, grace.uid]],
      );
      expect(await inside(({ upstreamSessions }) => upstreamSessions.remember(grace.uid, grace.held))).toBe(true);
      await inside(({ upstreamEndings }) => upstreamEndings.endOverdue());
      expect([await isAlive(ada), await isAlive(grace)]).toEqual([false, true]);
    });

    it('nothing begins once the connection is disabled, or the identity is gone', async () => {
      const person = await makePerson(server);
      const mine = await link(person.id, 'ada');
      const held = await signInAt(server, connection, identity('ada'));
      const remember = () => inside(({ upstreamSessions }) => upstreamSessions.remember('session', held));
      await inside(({ db }) => db.repo(Connection).update({ id: connection.id }, { enabledAt: null }));
      expect(await remember()).toBe(false);
      await inside(({ db }) => db.repo(Connection).update({ id: connection.id }, { enabledAt: new Date() }));
      await inside(({ identities }) => identities.unlink(person, mine.id, 'administrator'));
      expect(await remember()).toBe(false);
    });

    it('what is told at their end is kept sealed', async () => {
      const ada = await begin('ada-name-id', 's9');
      const [over] = await inside(({ upstreamSessions }) => upstreamSessions.of(ada.uid));
      expect(over).toMatchObject({
        connectionId: connection.id,
        subject: 'ada-name-id',
        sessionIndex: 's9',
        nameId: { value: 'ada-name-id' },
      });
      const [row] = await server.services.db.manager.query(
        'SELECT name_id_sealed FROM upstream_sessions WHERE session_uid = $1',
        [ada.uid],
      );
      expect(row.name_id_sealed).toMatch(/^v1:/);
    });
  });
});
