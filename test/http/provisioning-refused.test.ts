// Who does not come in by an identity provider: what is left of it, and what is not.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import { OwnIdentities } from '../../src/features/connections/own-identities.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import type { Services } from '../../src/services.js';
import { comeIn, identity, makeConnection, proveDomain, recorded, signInAt } from '../support/connections.js';
import { makeOrganization, newName } from '../support/invitations.js';
import { makePerson, password } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('who does not come in by an identity provider', () => {
  let server: TestServer;
  let acme: Organization;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    acme = await makeOrganization(server);
    const domain = `${newName()}.example`;
    email = `ada@${domain}`;
    await proveDomain(server, acme, domain);
  });

  const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
  const query = (text: string, values: unknown[]) => server.services.db.manager.query(text, values);
  const ofAcme = (settings: object = {}) => makeConnection(server, { organization: acme, ...settings });
  const ada = (more: Record<string, string> = {}) => identity('ada', { email, email_verified: 'true', ...more });
  const membersOf = (id: string) =>
    query('SELECT role, suspended_at FROM memberships WHERE organization_id = $1 AND user_id = $2', [acme.id, id]);
  const identityRow = (id: string) => query('SELECT given, last_used_at FROM identities WHERE user_id = $1', [id]);
  const tracesOf = (held: { trace: string }) => query('SELECT outcome, error FROM traces WHERE id = $1', [held.trace]);
  const subjectsOf = async ({ id }: { id: string }) =>
    (await inside(({ identities }) => identities.of({ id }))).map(({ subject }) => subject);

  it.each(['suspend', 'remove'])(
    'loses nothing by a test of the connection, in no group that it lets in (%s): what would have been is told',
    async (deprovision) => {
      const connection = await ofAcme({ provisioning: { role: 'member', required_groups: ['staff'], deprovision } });
      const { user } = await comeIn(server, connection, ada({ groups: 'staff' }));
      const before = await identityRow(user.id);
      const held = await signInAt(server, connection, ada({ groups: 'else' }), { purpose: 'test' });
      const decision = await inside(({ provisioning }) => provisioning.decide(held));
      expect(decision).toMatchObject({ kind: 'refused', reason: 'group_required' });
      expect(await membersOf(user.id)).toMatchObject([{ role: 'member', suspended_at: null }]);
      expect(await identityRow(user.id)).toEqual(before);
      expect(await tracesOf(held)).toMatchObject([{ outcome: 'refused', error: 'group_required' }]);
    },
  );

  describe('as a member, who was taken out by somebody here', () => {
    /** As whoever is in again by the connection, once the identity has been let go and linked anew. */
    const again = async (connection: Connection, taken: (userId: string) => Promise<unknown>) => {
      const { user, identity: row } = await comeIn(server, connection, ada());
      await taken(user.id);
      await inside(async ({ users, passwords }) => passwords.set(await users.find(user.id), password));
      await inside(({ identities }) => identities.unlink(user, row.id, 'owner'));
      const { user: same } = await comeIn(server, connection, ada());
      expect(same.id).toBe(user.id);
      return membersOf(user.id);
    };

    it('does not come back by letting the identity go, and least of all as an admin', async () => {
      const connection = await ofAcme({ provisioning: { role: 'admin' } });
      expect(await again(connection, (id) => inside(({ memberships }) => memberships.remove(acme, id)))).toEqual([]);
    });

    it('comes back where somebody here takes them in again', async () => {
      const connection = await ofAcme({ provisioning: { role: 'member' } });
      const members = await again(connection, async (id) => {
        await inside(({ memberships }) => memberships.remove(acme, id));
        await inside(({ memberships }) => memberships.add(acme, { user_id: id }, { kind: 'added' }));
      });
      expect(members).toMatchObject([{ role: 'member' }]);
    });

    it('comes back where it was its groups that took them out', async () => {
      const provisioning = { role: 'member', required_groups: ['staff'], deprovision: 'remove' };
      const connection = await ofAcme({ provisioning });
      const { user } = await comeIn(server, connection, ada({ groups: 'staff' }));
      const held = await signInAt(server, connection, ada({ groups: 'else' }));
      await inside(({ provisioning }) => provisioning.decide(held));
      expect(await membersOf(user.id)).toEqual([]);
      await comeIn(server, connection, ada({ groups: 'staff' }));
      expect(await membersOf(user.id)).toMatchObject([{ role: 'member' }]);
    });
  });

  describe('connecting it in their own account', () => {
    const linkedAt = (connection: Connection, subject: string) =>
      signInAt(server, connection, identity(subject), { purpose: 'link' });
    const soon = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 200));

    it('is told as refused, once, where that comes to be at the very end', async () => {
      const connection = await ofAcme();
      const person = await makePerson(server);
      const held = await linkedAt(connection, 'late');
      const connecting = inside(async ({ db, identities, provisioning, homeRealms, organizationRealms, users }) => {
        const own = new OwnIdentities(
          db,
          identities,
          {
            async decide(...asked) {
              const decision = await provisioning.decide(...asked);
              await query(`UPDATE users SET roles = '{SUPPORT}' WHERE id = $1`, [person.id]);
              return decision;
            },
            complete: (...asked) => provisioning.complete(...asked),
          },
          homeRealms,
          organizationRealms,
        );
        return own.connect(held, await users.find(person.id), async () => true);
      });
      await expect(connecting).rejects.toMatchObject({ status: 400, code: 'federation_refused' });
      expect(await recorded(server, 'federation.refused', connection)).toMatchObject([
        { reason: 'privileged', trace_id: held.trace, user_id: person.id },
      ]);
      expect(await tracesOf(held)).toMatchObject([{ outcome: 'refused', error: 'privileged' }]);
      expect(await subjectsOf(person)).toEqual([]);
    });

    it('of four people who connect one and the same at once one has it; each of the others is refused, which is told', async () => {
      const connection = await makeConnection(server);
      const people = await Promise.all([1, 2, 3, 4].map(() => makePerson(server)));
      const helds = await Promise.all(people.map(() => linkedAt(connection, 'one')));
      const results = await Promise.allSettled(
        helds.map((held, at) =>
          inside(async ({ ownIdentities, users }) =>
            ownIdentities.connect(held, await users.find(String(people[at]?.id)), soon),
          ),
        ),
      );
      const ends = results.map((result) =>
        result.status === 'fulfilled' ? (result.value?.reason ?? 'connected') : result.reason.code,
      );
      expect(ends.filter((end) => end === 'connected')).toHaveLength(1);
      expect(ends.filter((end) => !['connected', 'linked_elsewhere', 'federation_refused'].includes(end))).toEqual([]);
      expect((await Promise.all(people.map(subjectsOf))).flat()).toEqual(['one']);
      const events = await recorded(server, 'federation.refused', connection);
      expect(events.map(({ reason }) => reason)).toEqual(Array(3).fill('linked_elsewhere'));
    });

    it('connects nothing where the session has ended meanwhile', async () => {
      const connection = await makeConnection(server);
      const person = await makePerson(server);
      const held = await linkedAt(connection, 'gone');
      const connecting = inside(async ({ ownIdentities, users }) =>
        ownIdentities.connect(held, await users.find(person.id), async () => false),
      );
      await expect(connecting).rejects.toMatchObject({ code: 'interaction_expired' });
      expect(await subjectsOf(person)).toEqual([]);
    });
  });
});
