import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import {
  authorizationUrl,
  errorOf,
  makePerson,
  type Party,
  pkce,
  post,
  refresh,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

type Json = Record<string, unknown>;

const bank = 'https://bank.example/mcp';
const notes = 'https://notes.example/mcp';
const metadata = {
  client_name: 'Self Made',
  redirect_uris: ['https://rp.example/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
};

describe('the most that a client which registered itself may ask for (RFC 7591 §5, RFC 7592 §2.2)', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
    await server.inside(async ({ resources }) => {
      const scopes = [{ name: 'read' }, { name: 'write' }];
      await resources.create({ identifier: bank, name: 'Bank', scopes });
      await resources.create({ identifier: notes, name: 'Notes', scopes, dynamic_clients: true });
    });
  }, 180_000);
  afterAll(() => server?.close());

  async function send(method: string, url: string, token: unknown, body: Json) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Json };
  }
  const register = async (scopes: string[] | undefined, more: Json = {}) => {
    const { value } = await server.inside(({ initialAccessTokens }) =>
      initialAccessTokens.issue(scopes ? { policy: { scopes } } : {}),
    );
    const { status, body } = await send('POST', `${server.issuer}/register`, value, { ...metadata, ...more });
    expect([status, body.error_description]).toEqual([201, undefined]);
    return body;
  };
  /** @returns its registration as it is now. */
  const put = async (client: Json, more: Json) => {
    const { client_id, registration_client_uri, registration_access_token } = client;
    const answer = await send('PUT', String(registration_client_uri), registration_access_token, {
      ...metadata,
      client_id,
      ...more,
    });
    if (answer.status === 200) Object.assign(client, answer.body);
    return answer;
  };
  const give = (client: Json, scope: string) =>
    server.inside(async ({ clients }) => clients.update(await clients.find(String(client.client_id)), { scope }));
  const openNotes = (dynamic_clients: boolean) =>
    server.inside(async ({ resources, db }) => {
      const [{ id }] = await db.manager.query('SELECT id FROM resources WHERE identifier = $1', [notes]);
      await resources.update(await resources.find(id), { dynamic_clients });
    });
  const partyOf = (client: Json, secret = client.client_secret): Party => ({
    clientId: String(client.client_id),
    clientSecret: String(secret),
    redirectUri: 'https://rp.example/cb',
  });
  const tokens = async (party: Party, resource: string, scope: string) =>
    tokensFor(server, party, (await makePerson(server)).email, { resource, scope });
  const refused = async (party: Party, resource: string, scope: string) => {
    const url = authorizationUrl(server, party, pkce(), { resource, scope });
    return errorOf(await signIn(new Browser(), url, (await makePerson(server)).email));
  };
  const of = ({ scope }: Record<string, unknown>) =>
    String(scope)
      .split(' ')
      .filter((name) => /read|write/.test(name));

  it('what an administrator takes away, it does not take back by registering anew, and what it is given stays', async () => {
    const client = await register(['openid', 'read', 'write'], { scope: 'openid read write' });
    const party = partyOf(client);
    await give(client, 'openid read');
    const back = await put(client, { scope: 'openid read write' });
    // At an open resource it may name what it likes; that is worth nothing anywhere else.
    expect([back.status, back.body.scope]).toEqual([200, 'openid read write']);
    expect(of(await tokens(party, bank, 'openid read write'))).toEqual(['read']);
    const beyond = await put(client, { scope: 'openid read email' });
    expect([beyond.status, beyond.body.error]).toEqual([400, 'invalid_client_metadata']);

    expect((await put(client, { scope: 'openid' })).status).toBe(200);
    expect(await refused(party, bank, 'openid read')).toBe('invalid_target');
    expect((await put(client, { scope: 'openid read' })).status).toBe(200);
    expect(of(await tokens(party, bank, 'openid read'))).toEqual(['read']);
    // Also where it has narrowed itself to that already.
    await give(client, 'openid');
    await put(client, { scope: 'openid read' });
    expect(await refused(party, bank, 'openid read')).toBe('invalid_target');
  });

  it('a resource that is open to such clients gives what they name, or all where they name none, and no other does', async () => {
    const bare = await register(['openid']);
    expect(bare.scope).toBe('openid read write');
    const some = await register(undefined, { scope: 'openid write' });
    for (const [client, scopes] of [
      [bare, ['read', 'write']],
      [some, ['write']],
    ] as const) {
      expect(of(await tokens(partyOf(client), notes, 'openid read write'))).toEqual(scopes);
      expect(await refused(partyOf(client), bank, 'openid read write')).toBe('invalid_target');
    }
  });

  it('what is closed again is gone with the next token, and can be repeated for nothing', async () => {
    const client = await register(['openid', 'offline_access', 'read']);
    const party = partyOf(client);
    const given = await tokens(party, notes, 'openid offline_access read write');
    expect(of(given)).toEqual(['read', 'write']);
    await openNotes(false);
    const again = await refresh(server, party, String(given.refresh_token), { resource: notes });
    expect([again.status, of(again.body)]).toEqual([200, ['read']]);
    expect((await put(client, { scope: String(client.scope) })).status).toBe(200);
    expect(of(await tokens(party, notes, 'openid read write'))).toEqual(['read']);
    await openNotes(true);
  });

  it('where nobody is asked, it gets of an open resource no more than of any other', async () => {
    const client = await register(['openid', 'read'], {
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: 'read write',
    });
    const ask = (scope: string) =>
      post(server, '/token', partyOf(client), { grant_type: 'client_credentials', resource: notes, scope });
    expect((await ask('read')).status).toBe(200);
    const { status, body } = await ask('read write');
    expect([status, body.scope ?? body.error]).toEqual([200, 'read']);
  });

  it('nothing of our own API is for everybody, whatever a tenant would set', async () => {
    for (const scopes of [['openid', 'users:write'], ['tenants:read']]) {
      const protocol = { registration: 'open', open_registration: { scopes } };
      const make = async () =>
        server.services.tenants.create({ slug: 'generous', name: 'Generous', settings: { protocol } } as never);
      await expect(make()).rejects.toMatchObject({ status: 422 });
    }
  });

  it('our own API is never given by a resource that has a scope of the same name', async () => {
    const [there] = await server.inside(async ({ resources }) => [
      await resources.create({
        identifier: 'https://open.example',
        name: 'Open',
        scopes: [{ name: 'users:read' }],
        dynamic_clients: true,
      }),
    ]);
    const client = await register(['openid'], { scope: 'openid users:read' });
    expect(await refused(partyOf(client), `${server.issuer}/api`, 'openid users:read')).toBe('invalid_target');
    await server.inside(async ({ resources }) => there && resources.delete(there));
  });
});
