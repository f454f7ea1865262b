// Somebody who acts for people, and the resources at which they do: everything over HTTP but the rows it stands on.
import { type Answer, ask } from './api.js';
import { makeAdministrator } from './api-keys.js';
import { makeClient, makePerson, type Party, tokensFor } from './party.js';
import type { TestServer } from './server.js';

export const trips = 'https://trips.example/api';
/** With JWT access tokens. */
export const hotels = 'https://hotels.example/api';
export const reason = 'Ticket 4711: cannot see their bookings';
export const helping = 'users:impersonate users:read users:write roles:read roles:write settings:write sessions:write';

export interface Help {
  /** Of the administrator, at the management API. */
  token: string;
  administrator: { id: string; email: string };
  /** In whose name tokens are. */
  app: Party;
}

export const allow = (server: TestServer, impersonation: object = { mode: 'allowed' }) =>
  server.inside(async ({ tenants }) =>
    tenants.update(await tenants.find((await tenants.current()).id), { settings: { impersonation } } as never),
  );

export async function makeHelp(server: TestServer): Promise<Help> {
  const app = await makeClient(server, { client_name: 'Trips' });
  await server.inside(async ({ resources }) => {
    const scopes = ['read', 'write'].map((name) => ({ name }));
    const shared = { scopes, introspection_clients: [app.clientId] };
    await resources.create({ identifier: trips, name: 'Trips', ...shared });
    await resources.create({ identifier: hotels, name: 'Hotels', access_token_format: 'jwt', ...shared });
  });
  await allow(server);
  const { user, token } = await makeAdministrator(server, helping);
  return { token, administrator: user, app };
}

/** Somebody with these roles, and a token of theirs for all of the scope. */
export async function makeHelper(server: TestServer, roles: string[], scope = helping) {
  const person = await makePerson(server);
  await server.inside(async ({ users }) => users.setRoles(await users.find(person.id), roles));
  const party = await makeClient(server, { scope: `openid ${scope}`, consent_policy: 'implicit' });
  const more = { resource: `${server.issuer}/api`, scope: `openid ${scope}` };
  const tokens = await tokensFor(server, party, person.email, more);
  return { person, party, token: String(tokens.access_token), browser: tokens.browser };
}

export const begin = (
  server: TestServer,
  { token, app }: Pick<Help, 'token' | 'app'>,
  userId: string,
  more: object = {},
): Promise<Answer> =>
  ask(server, token, 'post', `/users/${userId}/impersonations`, {
    reason,
    resource: trips,
    scope: 'read',
    client_id: app.clientId,
    ...more,
  });

export async function help(server: TestServer, by: Pick<Help, 'token' | 'app'>, userId: string, more: object = {}) {
  const { status, body } = await begin(server, by, userId, more);
  if (status !== 201) throw new Error(`not begun: ${status} ${JSON.stringify(body)}`);
  return { id: String(body.id), token: String(body.access_token), body };
}
