import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Services } from '../../../src/services.js';
import {
  back,
  type Chain,
  exchange,
  front,
  makeChain,
  makeResources,
  received,
  signed,
} from '../../support/exchanging.js';
import { introspect, makePerson, post } from '../../support/party.js';
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
