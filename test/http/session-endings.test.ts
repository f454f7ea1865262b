import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MassEnding } from '../../src/features/protocol/mass-ending.js';
import { withContext } from '../../src/platform/context.js';
import { ask, tokenWith } from '../support/api.js';
import { introspect, makeClient, makePerson, type Party, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const scope = 'openid sessions:read sessions:write users:write audit:read';

describe('the end of everybody’s sessions at once', () => {
  let server: TestServer;
  let token: string;
  let app: Party;
  let other: Party;

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, 'sessions:read sessions:write users:write audit:read');
    [app, other] = [await makeClient(server), await makeClient(server)];
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    await server.inside(({ massEnding }) =>
      massEnding.end({ before: new Date().toISOString(), kept: null, client_id: null }),
    );
  });

  const end = (body: object, as = token) => ask(server, as, 'post', '/session-endings', body);
  const signIn = async (at = app) => tokensFor(server, at, (await makePerson(server)).email);
  const live = async (): Promise<string[]> => {
    const { body } = await ask(server, token, 'get', '/sessions');
    return (body.items as { id: string }[]).map(({ id }) => id);
  };
  const ended = async (left: number) => {
    for (let tries = 0; tries < 500 && (await live()).length !== left; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await live()).toHaveLength(left);
  };
  const administrator = async () => {
    const console = await makeClient(server, { consent_policy: 'implicit', scope });
    const person = await makePerson(server);
    await server.inside(async ({ users }) => users.setRoles(await users.find(person.id), ['ADMIN']));
    const resource = `${server.issuer}/api`;
    const { access_token } = await tokensFor(server, console, person.email, { scope, resource });
    return { person, token: access_token };
  };

  it('ends what stood on them, and records who asked, why, and each session', async () => {
    const people = [await signIn(), await signIn(other)];
    const answer = await end({ reason: 'keys were stolen' });
    expect([answer.status, answer.body]).toEqual([202, { before: expect.any(String), kept_session_id: null }]);
    await ended(0);
    for (const [at, { access_token }] of people.entries())
      expect((await introspect(server, at === 0 ? app : other, String(access_token))).body).toEqual({ active: false });
    const { body } = await ask(server, token, 'get', '/audit-events?name=sessions.ending_requested');
    expect((body.items as object[])[0]).toMatchObject({
      data: { reason: 'keys were stolen', client_id: null, kept_session_id: null, before: answer.body.before },
    });
    const each = await ask(server, token, 'get', '/audit-events?name=session.ended&limit=2');
    expect(each.body.items).toEqual([
      expect.objectContaining({ data: expect.objectContaining({ reason: 'revoked' }) }),
      expect.objectContaining({ data: expect.objectContaining({ reason: 'revoked' }) }),
    ]);
  });

  it('spares the session in which an administrator asks, and no other of theirs', async () => {
    const asking = await administrator();
    await tokensFor(server, app, asking.person.email);
    await signIn();
    expect(await live()).toHaveLength(3);
    const answer = await end({ reason: 'a drill' }, asking.token);
    expect(answer.status).toBe(202);
    await ended(1);
    expect(await live()).toEqual([answer.body.kept_session_id]);
    expect((await ask(server, asking.token, 'get', '/sessions')).status).toBe(200);
  });

  it('ends only those in which one application was signed in to, where one is named', async () => {
    await signIn();
    await signIn(other);
    await end({ reason: 'this application was taken over', client_id: app.clientId });
    await ended(1);
    const { body } = await ask(server, token, 'get', '/sessions');
    expect(body.items).toEqual([expect.objectContaining({ clients: [other.clientId] })]);
  });

  it('ends none where the application that is named is not there', async () => {
    await signIn();
    const before = (await live()).length;
    for (const client_id of ['nobody', '00000000-0000-7000-8000-000000000000'])
      expect(await end({ client_id, reason: 'They lost a key' })).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      });
    expect(await live()).toHaveLength(before);
  });

  it('of one application looks at a batch of sessions and no more at a time, however few are meant', async () => {
    for (let n = 0; n < 3; n += 1) await signIn(other);
    await signIn();
    const batches: { after: string }[] = [];
    const jobs = { enqueue: async (_task: string, next: object) => void batches.push(next as { after: string }) };
    await server.inside(async ({ db, clock, protocol }) => {
      const ending = new MassEnding(db, { record: async () => {} } as never, clock, protocol, jobs, 2);
      const asked = { before: new Date().toISOString(), kept: null, client_id: app.clientId };
      for (let next: object | undefined = asked, n = 0; next && n < 10; n += 1) {
        batches.length = 0;
        await ending.end(next as typeof asked);
        // Two of four are in the first, and one that is left over, or none, in the last.
        expect(batches).toHaveLength(n < 2 ? 1 : 0);
        next = batches[0];
      }
    });
    expect(await live()).toHaveLength(3);
  });

  it('leaves what begins later, and another tenant, as they are', async () => {
    const before = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await signIn();
    await server.inside(({ massEnding }) => massEnding.end({ before, kept: null, client_id: null }));
    await server.inside(async ({ tenants, massEnding }) => {
      const { id } = await tenants.create({ slug: 'beside', name: 'Beside' });
      const now = new Date().toISOString();
      await withContext({ tenantId: id }, () => massEnding.end({ before: now, kept: null, client_id: null }));
    });
    expect(await live()).toHaveLength(1);
  });

  it('goes on batch by batch, and what a run before has ended stays ended', async () => {
    for (let n = 0; n < 5; n += 1) await signIn();
    const before = new Date().toISOString();
    await server.inside(async ({ db, clock, protocol, jobs }) => {
      const audit = { record: async () => {} } as never;
      const ending = new MassEnding(db, audit, clock, protocol, jobs, 2);
      await ending.end({ before, kept: null, client_id: null });
      await ending.end({ before, kept: null, client_id: null });
    });
    await ended(0);
  });

  it.each([
    [{}, '/reason'],
    [{ reason: '' }, '/reason'],
    [{ reason: 'a\u0007b' }, '/reason'],
    [{ reason: 'x'.repeat(301) }, '/reason'],
    [{ reason: 'x', client_id: '' }, '/client_id'],
    [{ reason: 'x', before: '2030-01-01T00:00:00Z' }, '/before'],
  ])('refuses %j, and ends nothing', async (body, pointer) => {
    await signIn();
    const answer = await end(body);
    expect([answer.status, answer.body.errors]).toEqual([422, [expect.objectContaining({ pointer })]]);
    expect(await live()).toHaveLength(1);
  });
});
