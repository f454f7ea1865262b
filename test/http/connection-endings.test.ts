// How what connections have begun ends: behind whom it waits, in which order rows are held, and how much of it is done at once.
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import type { Services } from '../../src/services.js';
import { identity, makeConnection, signInAt } from '../support/connections.js';
import { behindRows } from '../support/held.js';
import { makeOrganization, newName } from '../support/invitations.js';
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
