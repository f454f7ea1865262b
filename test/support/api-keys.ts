// API keys as whoever has them uses them: made over HTTP, and shown as a bearer token.
import { type Answer, ask } from './api.js';
import { makeClient, makePerson, tokensFor } from './party.js';
import type { TestServer } from './server.js';

export interface HeldKey {
  id: string;
  value: string;
  body: Record<string, unknown>;
}

/** @param token of whoever makes it, with api_keys:write and all that the key gets. */
export async function makeApiKey(
  server: Pick<TestServer, 'issuer'>,
  token: string,
  given: Record<string, unknown> = {},
): Promise<HeldKey> {
  const { status, body } = await ask(server, token, 'post', '/api-keys', {
    name: 'Nightly import',
    scopes: ['clients:read'],
    ...given,
  });
  if (status !== 201) throw new Error(`no key: ${status} ${JSON.stringify(body)}`);
  return { id: String(body.id), value: String(body.api_key), body };
}

/** What a key is good for. */
export const tryKey = (server: Pick<TestServer, 'issuer'>, value: string, path = '/clients'): Promise<Answer> =>
  ask(server, value, 'get', path);

/** Somebody who administers the tenant, with a token of theirs for the management API. */
export async function makeAdministrator(server: TestServer, scope: string) {
  const person = await makePerson(server);
  const user = await server.inside(({ users }) => users.setRoles(person, ['ADMIN']));
  const party = await makeClient(server, { scope: `openid ${scope}`, consent_policy: 'implicit' });
  const more = { resource: `${server.issuer}/api`, scope: `openid ${scope}` };
  const { access_token } = await tokensFor(server, party, person.email, more);
  return { user, token: String(access_token) };
}
