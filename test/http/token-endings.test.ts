import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { clockTolerance, lifetimes } from '../../config/protocol.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { withContext } from '../../src/platform/context.js';
import type { Services } from '../../src/services.js';
import { makeClient, makePerson, type Party, post, tokensFor } from '../support/party.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';
import { bearer } from '../support/shown.js';

const resource = 'https://trips.example/api';
const another = 'https://hotels.example/api';

interface Ending {
  kind: string;
  value: string;
  ended_at: string;
  expires_at: string;
}
interface Page {
  endings: Ending[];
  next: string;
  more: boolean;
}
interface Person {
  id: string;
  email: string;
}
type Cause = (
  services: Services,
  at: { person: Person; party: Party; tokens: Record<string, string> },
) => Promise<unknown>;

describe('what ends JWT access tokens is told to their resource server (RFC 7009 §3, RFC 9068 §6)', () => {
  let server: TestServer;
  let trips: Party;
  let hotels: Party;
  let tripsToken: string;
  let hotelsToken: string;

  beforeAll(async () => {
    server = await startServer();
    [trips, hotels] = [await resourceServer(), await resourceServer()];
    await server.inside(async ({ resources }) => {
      await resources.create({
        identifier: resource,
        name: 'Trips',
        access_token_format: 'jwt',
        introspection_clients: [trips.clientId],
      });
      await resources.create({
        identifier: another,
        name: 'Hotels',
        access_token_format: 'jwt',
        introspection_clients: [hotels.clientId],
      });
    });
    [tripsToken, hotelsToken] = [await apiToken(trips), await apiToken(hotels)];
  }, 180_000);
  afterAll(() => server?.close());

  const resourceServer = () =>
    makeClient(server, { grant_types: ['client_credentials'], redirect_uris: [], scope: 'token_endings:read' });

  async function apiToken(party: Party): Promise<string> {
    const form = { grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'token_endings:read' };
    return String((await post(server, '/token', party, form)).body.access_token);
  }

  async function ask(query: Record<string, string> = {}, token = tripsToken) {
    const address = `${server.issuer}/api/v1/token-endings?${new URLSearchParams(query)}`;
    const response = await fetch(address, { headers: bearer(token) });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Page & { code: string },
    };
  }

  /** Everything since a position; a transaction of another suite on the same cluster may hold the horizon up for a moment. */
  async function since(
    position: string,
    enough: (endings: Ending[]) => boolean,
    token = tripsToken,
  ): Promise<Ending[]> {
    const found: Ending[] = [];
    let after = position;
    for (const until = Date.now() + 20_000; Date.now() < until && !enough(found); ) {
      const { body } = await ask({ after, wait: '1' }, token);
      found.push(...body.endings);
      after = body.next;
    }
    return found;
  }

  const now = async (token = tripsToken) => (await ask({}, token)).body.next;

  async function signedIn(more: Record<string, string> = {}) {
    const party = await makeClient(server, { consent_policy: 'implicit' });
    const person = await makePerson(server);
    const tokens = await tokensFor(server, party, person.email, { resource, ...more });
    return { party, person, tokens };
  }

  const names = (endings: Ending[], token: string) => {
    const claims = decodeJwt(token);
    return endings.filter(({ kind, value }) => claims[kind] === value);
  };

  const causes: Record<string, Cause> = {
    'the token is revoked': (_services, { party, tokens }) =>
      post(server, '/revoke', party, { token: String(tokens.access_token) }),
    'the refresh token is revoked': (_services, { party, tokens }) =>
      post(server, '/revoke', party, { token: String(tokens.refresh_token) }),
    'the session is ended': ({ protocol }, { person }) => protocol.sessions.endAll(person.id, 'revoked'),
    'what was allowed is taken back': ({ ownGrants }, { person, party }) => ownGrants.revoke(person.id, party.clientId),
    'the account is disabled': async ({ users }, { person }) => users.disable(await users.find(person.id)),
    'the account is deleted': async ({ users }, { person }) => users.delete(await users.find(person.id)),
    'the password is changed': async ({ users, passwords }, { person }) =>
      passwords.set(await users.find(person.id), 'mountains are patient'),
    'the client is disabled': async ({ clients }, { party }) => clients.disable(await clients.find(party.clientId)),
    'the client is deleted': async ({ clients }, { party }) => clients.delete(await clients.find(party.clientId)),
  };

  it.each(Object.keys(causes))('%s', async (cause) => {
    const at = await signedIn();
    const token = String(at.tokens.access_token);
    const position = await now();
    await server.inside((services) => causes[cause]?.(services, at) as Promise<unknown>);
    const endings = await since(position, (found) => names(found, token).length > 0);
    const [ending] = names(endings, token);
    expect(ending).toBeDefined();
    // RFC 9068 §4: from then on the token is refused for its exp.
    expect(Date.parse(String(ending?.expires_at)) / 1000).toBeGreaterThanOrEqual(Number(decodeJwt(token).exp));
  });

  it('is remembered for as long as the longest token lives, by a clock that is behind (migrations/0071)', async () => {
    const { person, tokens } = await signedIn();
    const token = String(tokens.access_token);
    const position = await now();
    await server.inside(({ protocol }) => protocol.sessions.endAll(person.id, 'revoked'));
    const [ending] = names(await since(position, (found) => names(found, token).length > 0), token);
    const seconds = (Date.parse(String(ending?.expires_at)) - Date.parse(String(ending?.ended_at))) / 1000;
    expect(seconds).toBeGreaterThan(lifetimes.accessTokenMost + clockTolerance);
  });

  it('is written nowhere at a tenant without resources: nobody has tokens to refuse there', async () => {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'bare', name: 'Bare' }));
    const rows = await withContext({ tenantId: tenant.id }, async () => {
      const { clients, db } = server.services;
      const { client } = await clients.create({ client_name: 'There', redirect_uris: ['https://there.example/cb'] });
      await clients.disable(client);
      return db.manager.query('SELECT 1 FROM token_endings WHERE tenant_id = $1', [tenant.id]);
    });
    expect(rows).toEqual([]);
  });

  it('the session of a token that does not outlive it, though its grant does, is ended', async () => {
    const at = await signedIn();
    await server.inside(({ db }) =>
      db.manager.query(
        `UPDATE sessions SET payload = jsonb_set(payload, ARRAY['authorizations', $2, 'persistsLogout'], 'true') WHERE account_id = $1`,
        [at.person.id, at.party.clientId],
      ),
    );
    const token = String(at.tokens.access_token);
    const position = await now();
    await server.inside(({ protocol }) => protocol.sessions.endAll(at.person.id, 'logout'));
    const endings = await since(position, (found) => names(found, token).length > 0);
    expect(names(endings, token).map(({ kind }) => kind)).toEqual(['suid']);
  });

  it('a token that names no person ends with its client, and those issued after it was enabled again are good', async () => {
    const machine = await makeClient(server, { grant_types: ['client_credentials'], redirect_uris: [], scope: 'read' });
    const form = { grant_type: 'client_credentials', resource };
    const token = String((await post(server, '/token', machine, form)).body.access_token);
    const position = await now();
    const before = Date.now();
    await server.inside(async ({ clients }) => clients.disable(await clients.find(machine.clientId)));
    const endings = await since(position, (found) => names(found, token).length > 0);
    const [ending] = names(endings, token);
    expect(ending?.kind).toBe('client_id');
    expect(Number(decodeJwt(token).iat)).toBeLessThanOrEqual(Date.parse(String(ending?.ended_at)) / 1000);
    // Another process may not have known yet, and its clock be ahead.
    expect(Date.parse(String(ending?.ended_at))).toBeGreaterThanOrEqual(before + 5_000);
  });

  it('names a revoked token to its own resource server only', async () => {
    const { party, tokens } = await signedIn();
    const position = await now(hotelsToken);
    const token = String(tokens.access_token);
    await post(server, '/revoke', party, { token });
    expect(names(await since('0.0', (found) => names(found, token).length > 0), token)).toHaveLength(1);
    expect((await ask({ after: position }, hotelsToken)).body.endings).toEqual([]);
  });

  it('tells nothing to a client that is no resource server, and nothing without the scope', async () => {
    const stranger = await apiToken(await resourceServer());
    const refused = await ask({}, stranger);
    expect([refused.status, refused.body.code]).toEqual([403, 'not_a_resource_server']);
    const form = { grant_type: 'client_credentials', resource };
    const { body } = await post(server, '/token', trips, form);
    expect((await ask({}, String(body.access_token))).status).toBe(401);
  });

  it('lets eight requests of one client wait at once, and others beside them', async () => {
    const [after, theirs] = [await now(), await now(hotelsToken)];
    const all = Array.from({ length: 12 }, () => ask({ after, wait: '3' }));
    const other = await ask({ after: theirs, wait: '1' }, hotelsToken);
    const statuses = (await Promise.all(all)).map(({ status }) => status).sort();
    expect([other.status, ...statuses]).toEqual([200, ...Array(8).fill(200), ...Array(4).fill(429)]);
    expect((await ask({ after, wait: '1' })).status).toBe(200);
  });

  it.each(['x', '1', '-1.0', '1.0.0', '1.x', `${'9'.repeat(40)}.0`])('refuses the position %p', async (after) => {
    expect((await ask({ after })).status).toBe(422);
  });

  it('says that a position of another database is gone, so that the reader begins again', async () => {
    const { status, body } = await ask({ after: `${'9'.repeat(18)}.0` });
    expect([status, body.code]).toEqual([410, 'position_gone']);
  });

  it('goes on page by page, and comes to where nothing more is', async () => {
    const position = await now();
    for (let place = 0; place < 3; place += 1) {
      const { party, tokens } = await signedIn();
      await post(server, '/revoke', party, { token: String(tokens.access_token) });
    }
    await since(position, (found) => found.length >= 3);
    const first = await ask({ after: position, limit: '2' });
    expect([first.body.endings.length, first.body.more]).toEqual([2, true]);
    const second = await ask({ after: first.body.next, limit: '2' });
    expect([second.body.endings.length, second.body.more]).toEqual([1, false]);
    expect((await ask({ after: second.body.next })).body.endings).toEqual([]);
    expect(first.headers.get('cache-control')).toBe('no-store');
  });

  it('answers whoever waits as soon as something ends, and nothing where nothing does', async () => {
    const { party, tokens } = await signedIn();
    const position = await now();
    const begun = performance.now();
    const waiting = ask({ after: position, wait: '10' });
    await sleep(200);
    await post(server, '/revoke', party, { token: String(tokens.access_token) });
    expect((await waiting).body.endings).toHaveLength(1);
    expect(performance.now() - begun).toBeLessThan(9_000);
    expect((await ask({ after: await now(), wait: '1' })).body.endings).toEqual([]);
  });

  // The embedded database has one session: no two transactions run at once there.
  if (defaultKind === 'postgres')
    it('misses none of many transactions that end in another order than they began, and tells each once', async () => {
      const client = await makeClient(server);
      const { id: accountId } = await makePerson(server);
      const position = await now();
      const ids = await server.inside(({ protocol }) =>
        Promise.all(
          Array.from({ length: 20 }, async () => {
            const apart = { accountId, clientId: client.clientId, origin: 'device' } as const;
            return String((await protocol.grants.giveApart(apart, {} as never))?.jti);
          }),
        ),
      );
      const end = (id: string, place: number) =>
        server.inside(({ db, protocol }) =>
          db.transaction(async () => {
            await protocol.grants.end(new ProtocolRequest(), id, 'revoked');
            await sleep((place * 37) % 400);
            if (place % 5 === 4) throw new Error('taken back');
          }),
        );
      const committed = ids.filter((_id, place) => place % 5 !== 4);
      const [found] = await Promise.all([
        since(position, (endings) => endings.length >= committed.length),
        Promise.allSettled(ids.map(end)),
      ]);
      expect(found.map(({ value }) => value).sort()).toEqual([...committed].sort());
    });
});
