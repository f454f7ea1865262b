// How what connections have begun ends: behind whom it waits, in which order rows are held, and how much of it is done at once.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import type { Services } from '../../src/services.js';
import { comeIn, identity, makeConnection, proveDomain, recorded, signInAt } from '../support/connections.js';
import { behindRows } from '../support/held.js';
import { makeMember, makeOrganization, newName } from '../support/invitations.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let acme: Organization;
let connection: Connection;
let domain: string;
beforeAll(async () => {
  server = await startServer();
}, 180_000);
afterAll(() => server?.close());
beforeEach(async () => {
  acme = await makeOrganization(server);
  domain = `${newName()}.example`;
  await proveDomain(server, acme, domain);
  connection = await makeConnection(server, { organization: acme });
});

const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
const ada = () => identity('ada', { email: `ada@${domain}` });

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

describe('what ends with a connection that is disabled', () => {
  const query = (text: string, values: unknown[]) => server.services.db.manager.query(text, values);
  const disable = () =>
    inside(async ({ connections }) => connections.disable(acme, await connections.find(acme, connection.id)));
  const outdated = async (id: string) =>
    (await query('SELECT 1 FROM users WHERE id = $1 AND proofs_from IS NOT NULL', [id])).length > 0;
  const standOn = (id: string, uids: string, at: string) =>
    query(
      `INSERT INTO upstream_sessions (tenant_id, id, session_uid, connection_id, user_id, subject, created_at, expires_at)
       SELECT tenant_id, gen_random_uuid(), ${uids}, $2, id, 'ada', ${at}, now() + interval '1 year' FROM users, generate_series(1, 1300) n
        WHERE id = $1`,
      [id, connection.id],
    );
  const living = async (id: string): Promise<number> =>
    (await query('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL', [id])).length;

  it('is nothing of whoever came in by it long ago', async () => {
    const { user } = await comeIn(server, connection, ada());
    await standOn(user.id, `'gone-' || n`, `now() - interval '1 day'`);
    await disable();
    expect(await outdated(user.id)).toBe(false);
  });

  it('is a sign-in that is about to begin a session', async () => {
    const { user } = await comeIn(server, connection, ada());
    await standOn(user.id, `'coming-' || n`, 'now()');
    await disable();
    expect(await outdated(user.id)).toBe(true);
  });

  it('are all sessions, however many: a thousand with it, the others by and by', async () => {
    const { user } = await comeIn(server, connection, ada());
    await query(
      `INSERT INTO sessions (tenant_id, uid, account_id, login_ts, payload, created_at, updated_at, expires_at)
       SELECT tenant_id, 'many-' || n, id, 1, '{}', now(), now(), now() + interval '1 day' FROM users, generate_series(1, 1300) n WHERE id = $1`,
      [user.id],
    );
    await standOn(user.id, `'many-' || n`, `now() - interval '1 day'`);
    await inside(({ db }) =>
      db.transaction(async () => {
        await disable();
        expect(await living(user.id)).toBe(300);
      }),
    );
    for (let left = 100; (await living(user.id)) > 0 && left > 0; left -= 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await living(user.id)).toBe(0);
  });
});

it('how many were known by a connection is recorded where it is deleted', async () => {
  for (const subject of ['ada', 'grace'])
    await comeIn(server, connection, identity(subject, { email: `${subject}@${domain}` }));
  await inside(async ({ connections }) => connections.delete(acme, await connections.find(acme, connection.id)));
  expect(await recorded(server, 'connection.deleted', connection)).toEqual([
    { connection_id: connection.id, organization_id: acme.id, identities: 2 },
  ]);
});
