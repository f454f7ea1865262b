// How what connections have begun ends: behind whom it waits, in which order rows are held, and how much of it is done at once.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import type { Services } from '../../src/services.js';
import { identity, makeConnection, signInAt } from '../support/connections.js';
import { behindRows } from '../support/held.js';
import { makeMember, makeOrganization, newName } from '../support/invitations.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let acme: Organization;
let connection: Connection;
beforeAll(async () => {
  server = await startServer();
}, 180_000);
afterAll(() => server?.close());
beforeEach(async () => {
  acme = await makeOrganization(server);
  connection = await makeConnection(server, { organization: acme });
});

const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
const ada = () => identity('ada', { email: `ada@${newName()}.example` });

// The embedded database has one session: nobody waits there.
if (defaultKind === 'postgres')
  it('no session stands on the connection of an organization that is just being suspended', async () => {
    const held = await signInAt(server, connection, ada());
    await inside(({ provisioning }) => provisioning.complete(held));
    const remember = () => inside(({ upstreamSessions }) => upstreamSessions.remember('session', held));
    const rows = `organizations WHERE id = '${acme.id}'`;
    const suspended = 'UPDATE organizations SET suspended_at = now() WHERE id = $1';
    const [remembered] = await behindRows(server, rows, remember, (runner) => runner.query(suspended, [acme.id]));
    expect(remembered).toBe(false);
  });

// As above.
if (defaultKind === 'postgres')
  describe('of two who end something, one waits for the other and neither is aborted: connections first, then people, then organizations', () => {
    /** @returns whether these rows are held by whoever waits for the others. */
    const heldBefore = async (waiting: string, work: () => Promise<unknown>, rows: string): Promise<boolean> => {
      const [, held] = await behindRows(server, waiting, work, async (runner) => {
        await runner.query('SAVEPOINT look');
        const code = await runner.query(`SELECT 1 FROM ${rows} FOR UPDATE NOWAIT`).then(
          () => undefined,
          (error: { code?: string }) => error.code,
        );
        await runner.query('ROLLBACK TO SAVEPOINT look');
        return code === '55P03';
      });
      return held;
    };
    const its = () => `organizations WHERE id = '${acme.id}'`;

    it.each(['disabled', 'deleted'] as const)('a connection that is %s', async (how) => {
      const held = await signInAt(server, connection, ada());
      const { user } = await inside(({ provisioning }) => provisioning.complete(held));
      await inside(({ upstreamSessions }) => upstreamSessions.remember('session', held));
      const end = () =>
        inside(async ({ connections }) => {
          const found = await connections.find(acme, connection.id);
          await (how === 'deleted' ? connections.delete(acme, found) : connections.disable(acme, found));
        });
      expect(await heldBefore(`users WHERE id = '${user.id}'`, end, its())).toBe(false);
    });

    it('an organization that is deleted', async () => {
      const end = () => inside(({ organizations }) => organizations.delete(acme));
      expect(await heldBefore(`connections WHERE id = '${connection.id}'`, end, its())).toBe(false);
    });

    it('an account that is deleted, with the organization that is theirs alone', async () => {
      const person = await makeMember(server, acme, 'owner');
      const end = () => inside(({ users }) => users.delete(person));
      const theirs = `users WHERE id = '${person.id}'`;
      expect(await heldBefore(`connections WHERE id = '${connection.id}'`, end, theirs)).toBe(false);
      expect(await inside(({ organizations }) => organizations.find(acme.id).catch(() => undefined))).toBeUndefined();
    });
  });
