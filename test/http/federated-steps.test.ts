// Each step of a sign-in at an identity provider, below the doors: once, in the order of the steps, by whoever it is for.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { withContext } from '../../src/platform/context.js';
import type { Services } from '../../src/services.js';
import { browser, handleIn, heldAt, identity, makeConnection, recorded } from '../support/connections.js';
import { makeOrganization } from '../support/invitations.js';
import { startServer, type TestServer } from '../support/server.js';

const ada = identity('ada', { email: 'ada@acme.example' });
const many = Array.from({ length: 50 });

describe('a federated sign-in', () => {
  let server: TestServer;
  let connection: Connection;
  let elsewhere: Connection;
  const mine = browser();

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    connection = await makeConnection(server);
    elsewhere = await makeConnection(server);
  });

  const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
  const begin = (binding = mine) =>
    inside(({ federatedSignIns }) =>
      federatedSignIns.begin(connection, {
        binding,
        purpose: 'sign_in',
        back: '/interaction/1/federation',
        login_hint: 'ada',
      }),
    );
  const start = (handle: string, at = connection) =>
    inside(({ federatedSignIns }) => federatedSignIns.start(at.id, handle));
  const sent = async () => {
    const started = await start((await begin()).handle);
    return inside(({ federatedSignIns }) => federatedSignIns.sent(started, { nonce: 'n', request_id: '_1' }));
  };
  const answered = (state: string, at = connection) =>
    inside(({ federatedSignIns }) => federatedSignIns.answered(at.id, state));
  const held = () => inside((services) => heldAt(services, connection, ada, { binding: mine }));
  const redeem = (handle: string, binding = mine) =>
    inside(({ federatedSignIns }) => federatedSignIns.redeem(handle, binding));
  const enable = (enabledAt: Date | null) =>
    inside(({ db }) => db.repo(Connection).update({ id: connection.id }, { enabledAt }));
  const later = () =>
    server.services.db.manager.query(
      `UPDATE federated_sign_ins SET expires_at = now() - interval '1 second' WHERE connection_id = $1`,
      [connection.id],
    );

  it('however often it is begun in one browser, there is one, which is the last', async () => {
    const begun = [];
    for (const _each of many) begun.push(await begin());
    const [first, last] = [begun.at(0), begun.at(-1)];
    const other = await begin(browser());
    const [{ count }] = await server.services.db.manager.query(
      `SELECT count(*)::int FROM federated_sign_ins WHERE connection_id = $1 AND state = 'begun'`,
      [connection.id],
    );
    expect(count).toBe(2);
    await expect(start(String(first?.handle))).rejects.toMatchObject({ status: 400 });
    expect((await start(String(last?.handle))).connection.id).toBe(connection.id);
    expect((await start(other.handle)).connection.id).toBe(connection.id);
  });

  it('goes to the door of its protocol, and comes back to where it was asked for, with what was asked and kept', async () => {
    const { location, handle } = await begin();
    expect(location).toBe(`${server.issuer}/federation/${connection.id}/login?handle=${handle}`);
    const { state } = await sent();
    const waiting = await answered(state);
    expect(waiting).toMatchObject({
      asked: { login_hint: 'ada', purpose: 'sign_in' },
      kept: { nonce: 'n', request_id: '_1' },
    });
    if (!waiting) throw new Error('nobody waits');
    const back = await inside(({ federatedSignIns }) => federatedSignIns.hold(waiting, ada, []));
    expect(back).toMatch(new RegExp(`^${server.issuer}/interaction/1/federation\\?handle=[\\w-]{43}$`));
    const there = await redeem(handleIn(back));
    expect(there).toMatchObject({
      connection: { id: connection.id },
      identity: ada,
      asked: { back: '/interaction/1/federation' },
    });
  });

  it('comes back to nowhere but a path of ours', async () => {
    for (const back of ['https://evil.example/', '//evil.example', '/\\evil.example', 'evil'])
      await expect(
        inside(({ federatedSignIns }) =>
          federatedSignIns.begin(connection, { binding: mine, purpose: 'sign_in', back }),
        ),
      ).rejects.toThrow('a path');
  });

  describe('each of its values is good once', () => {
    it('the handle with which it starts', async () => {
      const { handle } = await begin();
      await start(handle);
      await expect(start(handle)).rejects.toMatchObject({ status: 400, code: 'invalid_handle' });
    });

    it('the state of the answer', async () => {
      const { state } = await sent();
      expect(await answered(state)).toBeDefined();
      expect(await answered(state)).toBeUndefined();
    });

    it('the handle with which the browser comes back', async () => {
      const handle = await held();
      await redeem(handle);
      await expect(redeem(handle)).rejects.toMatchObject({ status: 400, code: 'invalid_handle' });
    });

    it('what was asked is sent once', async () => {
      const started = await start((await begin()).handle);
      const send = () => inside(({ federatedSignIns }) => federatedSignIns.sent(started, {}));
      await send();
      await expect(send()).rejects.toMatchObject({ code: 'invalid_handle' });
    });

    it('of fifty at once one gets it, at every step', async () => {
      const won = async (work: () => Promise<unknown>) =>
        (await Promise.all(many.map(() => work().catch(() => undefined)))).filter((one) => one !== undefined).length;
      const { handle } = await begin();
      expect(await won(() => start(handle))).toBe(1);
      const { state } = await sent();
      expect(await won(() => answered(state))).toBe(1);
      const back = await held();
      expect(await won(() => redeem(back))).toBe(1);
    });
  });

  describe('is alike nothing', () => {
    type Step = [name: string, make: () => Promise<string>, take: (value: string, at?: Connection) => Promise<unknown>];
    const steps: Step[] = [
      ['at its start', async () => (await begin()).handle, start],
      [
        'at the answer',
        async () => (await sent()).state,
        async (state, at) => (await answered(state, at)) ?? Promise.reject({ code: 'invalid_handle' }),
      ],
      ['at its end', held, (handle) => redeem(handle)],
    ];
    const refused = { code: 'invalid_handle' };

    it.each(steps)('%s: made up, or empty', async (_name, _make, take) => {
      await expect(take('x'.repeat(43))).rejects.toMatchObject(refused);
      await expect(take('')).rejects.toMatchObject(refused);
    });

    it.each(steps)('%s: expired', async (_name, make, take) => {
      const value = await make();
      await later();
      await expect(take(value)).rejects.toMatchObject(refused);
    });

    it.each(steps)('%s: the connection was disabled meanwhile', async (_name, make, take) => {
      const value = await make();
      await enable(null);
      await expect(take(value)).rejects.toMatchObject(refused);
      await enable(new Date());
      await take(value);
    });

    it.each(steps)('%s: at another tenant', async (_name, make, take) => {
      const value = await make();
      const other = await inside(({ tenants }) =>
        tenants.create({ slug: `t-${connection.key}`, name: 'Other' } as never),
      );
      await expect(withTenant(other.id, () => take(value))).rejects.toMatchObject(refused);
    });

    it.each(steps)('%s: its organization was suspended', async (_name, make, take) => {
      const acme = await makeOrganization(server);
      connection = await makeConnection(server, { organization: acme });
      const value = await make();
      await inside(({ organizations }) => organizations.suspend(acme, 'unpaid'));
      await expect(take(value)).rejects.toMatchObject(refused);
    });

    it.each(steps.slice(0, 2))('%s: at another connection, which does not use it up', async (_name, make, take) => {
      const value = await make();
      await expect(take(value, elsewhere)).rejects.toMatchObject(refused);
      await take(value);
    });

    it('in another browser, which does not use it up', async () => {
      const handle = await held();
      await expect(redeem(handle, browser())).rejects.toMatchObject(refused);
      await expect(redeem(handle, { kind: 'session', id: mine.id })).rejects.toMatchObject(refused);
      await redeem(handle);
    });

    it('at another step: a handle of the beginning ends nothing, and one of the end begins nothing', async () => {
      const { handle } = await begin();
      await expect(redeem(handle)).rejects.toMatchObject(refused);
      await expect(start(await held())).rejects.toMatchObject(refused);
    });
  });

  const withTenant = <T>(tenantId: string, work: () => Promise<T>): Promise<T> => {
    const { inside: before } = server;
    server.inside = (inner) => withContext({ requestId: 't', tenantId }, () => inner(server.services));
    return work().finally(() => {
      server.inside = before;
    });
  };

  it('what it keeps is sealed, and of what browsers carry there are hashes only', async () => {
    const { handle } = await begin();
    const { state } = await sent();
    const back = await held();
    const rows = JSON.stringify(await server.services.db.manager.query('SELECT * FROM federated_sign_ins'));
    for (const secret of [handle, state, back, mine.id, 'ada@acme.example', '"ada"'])
      expect(rows).not.toContain(secret);
  });

  it('an answer that cannot be kept is refused, with one event and one trace', async () => {
    for (const subject of ['a\u0000', 'ä'.repeat(600)]) {
      const waiting = await answered((await sent()).state);
      if (!waiting) throw new Error('nobody waits');
      const hold = inside(({ federatedSignIns }) => federatedSignIns.hold(waiting, identity(subject), []));
      await expect(hold).rejects.toMatchObject({ status: 400, code: 'federation_refused' });
    }
    expect((await recorded(server, 'federation.refused', connection)).map(({ reason }) => reason)).toEqual([
      'identity_invalid',
      'identity_invalid',
    ]);
  });

  it('an answer that is not believed is one event and one trace, and begins nothing', async () => {
    const waiting = await answered((await sent()).state);
    if (!waiting) throw new Error('nobody waits');
    const checks = [
      { check: 'id_token_audience', passed: false, seen: 'somebody', expected: 'us', setting: 'oidc.client_id' },
    ];
    const { trace } = await inside(({ federatedSignIns }) =>
      federatedSignIns.refuse(connection.id, {
        reason: 'id_token_audience',
        checks,
        message: 'eyJ',
        answered: waiting,
      }),
    );
    expect(await recorded(server, 'federation.refused', connection)).toEqual([
      { connection_id: connection.id, reason: 'id_token_audience', trace_id: trace },
    ]);
    await expect(inside(({ federatedSignIns }) => federatedSignIns.hold(waiting, ada, []))).rejects.toMatchObject({
      code: 'federation_refused',
    });
  });

  it('goes on where somebody has to prove something first, in the same browser, until somebody has come in by it', async () => {
    const { id } = await redeem(await held());
    const resume = (binding = mine) => inside(({ federatedSignIns }) => federatedSignIns.resume(id, binding));
    const again = await resume();
    expect(again).toMatchObject({ id, identity: ada });
    expect(await resume(browser())).toBeUndefined();
    if (!again) throw new Error('it does not go on');
    await inside(({ provisioning }) => provisioning.complete(again));
    expect(await resume()).toBeUndefined();
    await expect(inside(({ provisioning }) => provisioning.complete(again))).rejects.toMatchObject({
      code: 'invalid_handle',
    });
  });

  it('that nobody has asked for is held for the browser that brought it', async () => {
    const cookie = browser();
    const location = await inside(({ federatedSignIns }) =>
      federatedSignIns.hold({ connection, binding: cookie, back: '/saml/x/initiated' }, ada, []),
    );
    await expect(redeem(handleIn(location))).rejects.toMatchObject({ code: 'invalid_handle' });
    expect(await redeem(handleIn(location), cookie)).toMatchObject({ asked: { purpose: 'idp_initiated' } });
  });

  it('is tried before the connection is enabled, and signs nobody in', async () => {
    await enable(null);
    const handle = await inside((services) =>
      heldAt(services, connection, identity('g', { email: 'grace@acme.example' }), { binding: mine, purpose: 'test' }),
    );
    const there = await redeem(handle);
    await expect(inside(({ provisioning }) => provisioning.complete(there))).rejects.toMatchObject({
      code: 'test_only',
    });
    expect(await inside(({ provisioning }) => provisioning.decide(there))).toMatchObject({ kind: 'create' });
    expect(await inside(({ users }) => users.findByEmail('grace@acme.example'))).toBeUndefined();
  });
});
