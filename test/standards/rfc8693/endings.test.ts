import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Services } from '../../../src/services.js';
import {
  ACCESS_TOKEN,
  back,
  type Chain,
  exchange,
  front,
  letExchange,
  makeChain,
  makeResources,
  received,
  signed,
  TOKEN_EXCHANGE,
} from '../../support/exchanging.js';
import { introspect, makeClient, makePerson, post } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

interface Scene extends Chain {
  person: { id: string; email: string };
}

type End = (services: Services, scene: Scene) => Promise<unknown>;

/** What ends the subject token ends what it was exchanged for. */
const causes: Record<string, End> = {
  'the grant of the subject token is taken back': ({ protocol }, { person, app }) =>
    protocol.grants.endAll({ accountId: person.id, clientId: app.clientId }, 'revoked'),
  'the session ends': ({ protocol }, { person }) => protocol.sessions.endAll(person.id, 'revoked'),
  'the account is disabled': async ({ users }, { person }) => users.disable(await users.find(person.id)),
  'the password is changed': async ({ users, passwords }, { person }) =>
    passwords.set(await users.find(person.id), 'mountains are patient'),
  'the client of the subject token is disabled': async ({ clients }, { app }) =>
    clients.disable(await clients.find(app.clientId)),
  'the client that exchanged it is disabled, and enabled again': async ({ clients }, { service }) =>
    clients.enable(await clients.disable(await clients.find(service.clientId))),
  'the person takes the service away again': ({ ownGrants }, { person, service }) =>
    ownGrants.revoke(person.id, service.clientId),
};

describe('what a token was exchanged for ends with it (RFC 8693 §5, RFC 7009 §2.1)', () => {
  let server: TestServer;
  let asker: Chain;

  beforeAll(async () => {
    server = await startServer();
    await makeResources(server);
    asker = await makeChain(server);
  }, 180_000);
  afterAll(() => server?.close());

  const isActive = async (token: unknown) => (await introspect(server, asker.service, String(token))).body.active;

  async function scene(): Promise<Scene & { children: () => Promise<unknown[]> }> {
    const chain = await makeChain(server);
    const person = await makePerson(server);
    const subjects = [
      await received(server, chain.app, person.email, front),
      await received(server, chain.app, person.email, signed),
    ];
    const children: string[] = [];
    for (const { access_token } of subjects)
      for (const resource of [back, signed]) {
        const { status, body } = await exchange(server, chain.service, access_token, { resource });
        expect(status).toBe(200);
        children.push(String(body.access_token));
      }
    return {
      ...chain,
      person,
      children: () => Promise.all(children.map(isActive)),
    };
  }

  it.each(Object.keys(causes))('%s', async (cause) => {
    const [one, other] = [await scene(), await scene()];
    expect(await one.children()).toEqual([true, true, true, true]);
    await server.inside(async (services) => causes[cause]?.(services, one));
    expect(await one.children()).toEqual([false, false, false, false]);
    // Nobody else's.
    expect(await other.children()).toEqual([true, true, true, true]);
  });

  it('the refresh token beside the subject token is revoked', async () => {
    const { app, service, person } = await scene();
    const { access_token, refresh_token } = await received(server, app, person.email);
    const { body } = await exchange(server, service, access_token, { resource: back });
    expect(await isActive(body.access_token)).toBe(true);
    await post(server, '/revoke', app, { token: String(refresh_token) });
    expect(await isActive(body.access_token)).toBe(false);
  });

  describe('with a person who acts (§4.1), it ends when', () => {
    let chain: Chain;

    beforeAll(async () => {
      chain = await makeChain(server, {
        grant_types: [TOKEN_EXCHANGE, 'authorization_code'],
        response_types: ['code'],
        redirect_uris: ['https://rp.example/cb'],
        consent_policy: 'implicit',
      });
      await letExchange(server, chain.service, chain.app, { actors: ['person'] });
    });

    async function delegated() {
      const { app, service } = chain;
      const [person, agent] = [await makePerson(server), await makePerson(server)];
      const { access_token } = await received(server, app, person.email);
      const actor_token = String((await received(server, service, agent.email)).access_token);
      const tokens: unknown[] = [];
      for (const resource of [back, signed]) {
        const more = { resource, actor_token, actor_token_type: ACCESS_TOKEN };
        const { status, body } = await exchange(server, service, access_token, more);
        expect(status).toBe(200);
        tokens.push(body.access_token);
      }
      const next = await makeClient(server, { grant_types: [TOKEN_EXCHANGE], response_types: [], redirect_uris: [] });
      await letExchange(server, next, service, { subject_audiences: [back] });
      // And what that one is exchanged for in turn.
      tokens.push((await exchange(server, next, tokens[0], { resource: signed })).body.access_token);
      return { agent, tokens: () => Promise.all(tokens.map(isActive)) };
    }

    it.each<[string, (services: Services, agent: { id: string }) => Promise<unknown>]>([
      ['their account is disabled', async ({ users }, { id }) => users.disable(await users.find(id))],
      ['they sign out', ({ protocol }, { id }) => protocol.sessions.endAll(id, 'logout')],
      ['they take the service away', ({ ownGrants }, { id }) => ownGrants.revoke(id, chain.service.clientId)],
      [
        'their password is changed',
        async ({ users, passwords }, { id }) => passwords.set(await users.find(id), 'mountains are patient'),
      ],
    ])('%s', async (_cause, end) => {
      const [one, other] = [await delegated(), await delegated()];
      expect(await one.tokens()).toEqual([true, true, true]);
      await server.inside((services) => end(services, one.agent));
      expect(await one.tokens()).toEqual([false, false, false]);
      expect(await other.tokens()).toEqual([true, true, true]);
    });
  });

  it('is good no longer than the session of the subject token, also where that one runs out', async () => {
    const { app, service, person } = await scene();
    for (const subject of [front, signed]) {
      const { access_token } = await received(server, app, person.email, subject);
      const end = Math.floor(Date.now() / 1000) + 60;
      await server.inside(({ db }) =>
        db.manager.query('UPDATE sessions SET expires_at = to_timestamp($1) WHERE account_id = $2', [end, person.id]),
      );
      for (const resource of [back, signed]) {
        const { body } = await exchange(server, service, access_token, { resource });
        expect(Number(body.expires_in)).toBeLessThanOrEqual(60);
        const told = await introspect(server, service, String(body.access_token));
        expect([told.body.active, Number(told.body.exp) <= end + 1]).toEqual([true, true]);
      }
    }
  });

  it('a subject token that has ended is exchanged no more', async () => {
    const { app, service, person } = await scene();
    for (const resource of [front, signed]) {
      const { access_token } = await received(server, app, person.email, resource);
      await post(server, '/revoke', app, { token: String(access_token) });
      const { status, body } = await exchange(server, service, access_token, { resource: back });
      expect([status, body.error]).toEqual([400, 'invalid_request']);
    }
  });

  it('a policy that was deleted lets nobody exchange any more', async () => {
    const { app, service, person, policyId } = await scene();
    const { access_token } = await received(server, app, person.email);
    await server.inside(async ({ exchangePolicies }) => exchangePolicies.delete(await exchangePolicies.find(policyId)));
    expect((await exchange(server, service, access_token, { resource: back })).body.error).toBe('invalid_request');
  });
});
