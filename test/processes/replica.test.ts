import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listUsers } from '../../src/features/users/user.queries.js';
import { migrations } from '../../src/migrations.js';
import { entities } from '../../src/schema.js';
import { ask, tokenWith } from '../support/api.js';
import { makePerson } from '../support/party.js';
import { freshDatabase, type TestDatabase } from '../support/postgres.js';
import { startServer, type TestServer } from '../support/server.js';

const lists = ['/users', '/clients', '/resources', '/sessions', '/grants', '/audit-events'];
const scope = 'users:read clients:read resources:read sessions:read grants:read audit:read audit:export';

// Another database stands for a replica that is far behind: what is read from it is not there.
describe('a server with a replica for its lists', () => {
  let replica: TestDatabase;
  let server: TestServer;
  let token: string;
  const items = async (path: string) => (await ask(server, token, 'GET', path)).body.items as { id: string }[];

  beforeAll(async () => {
    replica = await freshDatabase('postgres', { entities, migrations });
    const url = String(replica.url);
    server = await startServer({ environment: { DATABASE_URL: url, DATABASE_READ_URL: url } });
    token = await tokenWith(server, scope);
  }, 180_000);
  afterAll(() => server?.close());

  it('reads lists there, single rows and everything of a sign-in from the primary', async () => {
    const user = await makePerson(server);
    for (const path of lists) expect([path, await items(path)]).toEqual([path, []]);
    expect((await ask(server, token, 'GET', `/users/${user.id}`)).status).toBe(200);
  });

  it('reads the export of the audit log there', async () => {
    const answer = await fetch(`${server.issuer}/api/v1/audit-events/export`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  it('sees in a transaction what it has just written', async () => {
    const seen = await server.inside(({ db, users }) =>
      db.transaction(async () => {
        const user = await users.create({ email: 'anna@example.com' } as never);
        const { items } = await db.reading(() => listUsers(db, { limit: 100 }));
        return items.some(({ id }) => id === user.id);
      }),
    );
    expect(seen).toBe(true);
  });

  it('reads lists from the primary while the replica is away', async () => {
    await replica.close();
    const user = await makePerson(server);
    expect((await items('/users')).map(({ id }) => id)).toContain(user.id);
    expect((await items('/audit-events')).length).toBeGreaterThan(0);
  });
});
