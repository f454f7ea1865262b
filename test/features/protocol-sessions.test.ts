import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { lifetimes } from '../../config/protocol.js';
import type { Payload } from '../../src/features/protocol/handles.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { SessionEnded } from '../../src/features/protocol/sessions.js';
import { at } from './house.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newHandle = () => randomBytes(24).toString('base64url');

describe.each(stores.filter((store) => store !== 'postgres+redis'))('the session of a browser, on %s', (store) => {
  let house: ProtocolHouse;
  let accountId: string;
  let uid: string;
  let handle: string;

  beforeAll(async () => {
    house = await openProtocolHouse(store);
  });
  afterAll(() => house?.close());
  beforeEach(async () => {
    accountId = (await house.newUser()).id;
    [uid, handle] = [newHandle(), newHandle()];
  });

  const find = (which: string, request = new ProtocolRequest()) =>
    house.inside(() => house.protocol.sessions.find(request, which));
  const save = (which: string, payload: Payload, request = new ProtocolRequest()) =>
    house.inside(() =>
      house.protocol.sessions.save(request, which, {
        uid,
        accountId,
        loginTs: 1000,
        iat: house.nowSeconds(),
        exp: house.nowSeconds() + 3600,
        ...payload,
      }),
    );
  const end = (which = uid) => house.inside(() => house.protocol.sessions.end(new ProtocolRequest(), which, 'logout'));
  /** Reads it as one request does, and writes it back changed. */
  const change = async (which: string, how: (payload: Payload) => Payload, to = which, authenticated = false) => {
    const request = new ProtocolRequest();
    const loaded = await find(which, request);
    if (!loaded) throw new Error('the session was not found');
    const { jti, ...payload } = loaded;
    if (to !== which) request.rotatedFrom = which;
    return save(to, { ...how(payload), ...(authenticated ? { loginTs: Number(payload.loginTs) + 1 } : {}) }, request);
  };

  it('is found by its handle, which is put back as jti, and by its uid without one', async () => {
    await save(handle, { amr: ['pwd'], acr: 'urn:ostiary:acr:1fa' });
    expect(await find(handle)).toMatchObject({ jti: handle, uid, accountId, amr: ['pwd'], loginTs: 1000 });
    const byUid = await house.inside(() => house.protocol.sessions.findByUid(new ProtocolRequest(), uid));
    expect(byUid).toMatchObject({ uid, accountId });
    expect(byUid).not.toHaveProperty('jti');
  });

  it('is not found by its uid as a handle, at another tenant, or once it is over', async () => {
    await save(handle, { exp: house.nowSeconds() + 60 });
    expect(await find(uid)).toBeUndefined();
    const other = await house.tenants.create({ slug: `t${randomBytes(4).toString('hex')}`, name: 'Other' });
    expect(await at(other, () => house.protocol.sessions.find(new ProtocolRequest(), handle))).toBeUndefined();
    house.clock.forward(61);
    expect(await find(handle)).toBeUndefined();
    expect(await house.inside(() => house.protocol.sessions.findByUid(new ProtocolRequest(), uid))).toBeUndefined();
  });

  it('leaves neither its handle nor its state at rest', async () => {
    const secret = newHandle();
    await save(handle, { state: { secret, clientId: 'rp' } });
    expect((await find(handle))?.state).toEqual({ secret, clientId: 'rp' });
    const dump = await house.dump();
    expect(dump).not.toContain(handle);
    expect(dump).not.toContain(secret);
  });

  it('forgets its state only when the request that knew it took it away', async () => {
    await save(handle, { state: { secret: 'x' } });
    await save(handle, { authorizations: {} });
    expect((await find(handle))?.state).toEqual({ secret: 'x' });
    await change(handle, ({ state, ...rest }) => rest);
    expect(await find(handle)).not.toHaveProperty('state');
  });

  it('is good for its previous handle for 30 seconds after a rotation that was no authentication', async () => {
    const next = newHandle();
    await save(handle, {});
    await change(handle, (payload) => payload, next);
    expect(await find(handle)).toMatchObject({ uid });
    expect(await find(next)).toMatchObject({ uid });
    house.clock.forward(lifetimes.sessionHandleGrace - 1);
    expect(await find(handle)).toBeDefined();
    house.clock.forward(2);
    expect(await find(handle)).toBeUndefined();
    expect(await find(next)).toBeDefined();
  });

  it('ends every older handle at once when somebody authenticates (session fixation)', async () => {
    const [second, third] = [newHandle(), newHandle()];
    await save(handle, {});
    await change(handle, (payload) => payload, second);
    await change(second, (payload) => payload, third, true);
    expect(await find(handle)).toBeUndefined();
    expect(await find(second)).toBeUndefined();
    expect(await find(third)).toMatchObject({ loginTs: 1001 });
  });

  it('takes an anonymous handle away from whoever planted it when somebody signs in', async () => {
    const own = newHandle();
    await save(handle, { accountId: undefined, loginTs: undefined, state: { secret: 'planted' } } as never);
    await change(handle, (payload) => ({ ...payload, accountId, loginTs: 5 }), own);
    expect(await find(handle)).toBeUndefined();
    expect(await find(own)).toMatchObject({ accountId });
  });

  it('is not begun by what was proved for another one, once that has ended or while it is ending', async () => {
    const begin = () => {
      const request = new ProtocolRequest();
      request.standsOn = uid;
      return save(newHandle(), { uid: newHandle() }, request);
    };
    await save(handle, {});
    expect(await begin()).toBe(true);
    let refused: Promise<unknown> = Promise.resolve();
    await house.inside(() =>
      house.db.transaction(async () => {
        await house.protocol.sessions.end(new ProtocolRequest(), uid, 'revoked');
        if (store === 'embedded') return;
        refused = expect(house.db.detached(begin)).rejects.toThrow(SessionEnded);
        const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        while ((await house.db.manager.query(waiting)).length === 0);
      }),
    );
    await refused;
    await expect(begin()).rejects.toThrow(SessionEnded);
  });

  it('does not come back under a handle that an authentication in another tab has ended', async () => {
    const [other, mine] = [newHandle(), newHandle()];
    await save(handle, {});
    const slow = new ProtocolRequest();
    const loaded = (await find(handle, slow)) as Payload;
    await change(handle, (payload) => payload, other, true);
    expect(await save(handle, { ...loaded, authorizations: { b: { sid: 'b' } } }, slow)).toBe(false);
    expect(await find(handle)).toBeUndefined();
    expect(await find(other)).toMatchObject({ authorizations: { b: { sid: 'b' } }, loginTs: 1001 });
    expect(await find(mine)).toBeUndefined();
  });

  it('holds what both of two tabs added, and keeps the sid a client had first', async () => {
    await save(handle, { authorizations: { a: { sid: 'first', grantId: 'g0' } } });
    const requests = [new ProtocolRequest(), new ProtocolRequest()];
    const loaded = (await Promise.all(requests.map((request) => find(handle, request)))) as Payload[];
    await Promise.all(
      requests.map((request, index) =>
        save(
          handle,
          {
            ...loaded[index],
            authorizations: {
              a: { sid: index === 0 ? 'first' : 'second', grantId: `g${index}` },
              [`tab-${index}`]: { sid: `s${index}` },
            },
          },
          request,
        ),
      ),
    );
    expect((await find(handle))?.authorizations).toMatchObject({
      a: { sid: 'first' },
      'tab-0': { sid: 's0' },
      'tab-1': { sid: 's1' },
    });
  });

  it('loses the client that a request took away, and not the one another tab added meanwhile', async () => {
    await save(handle, { authorizations: { a: { sid: 'a' }, b: { sid: 'b' } } });
    const leaving = new ProtocolRequest();
    const loaded = (await find(handle, leaving)) as Payload;
    await change(handle, (payload) => ({
      ...payload,
      authorizations: { ...(payload.authorizations as object), c: { sid: 'c' } },
    }));
    await save(handle, { ...loaded, authorizations: { b: { sid: 'b' } } }, leaving);
    expect((await find(handle))?.authorizations).toEqual({ b: { sid: 'b' }, c: { sid: 'c' } });
  });

  it('keeps the login of the newer authentication, whichever tab saves last', async () => {
    await save(handle, { amr: ['pwd'] });
    const slow = new ProtocolRequest();
    const loaded = (await find(handle, slow)) as Payload;
    await save(handle, { amr: ['pwd', 'otp'], loginTs: 2000 });
    await save(handle, { ...loaded, authorizations: { late: { sid: 'late' } } }, slow);
    expect(await find(handle)).toMatchObject({
      amr: ['pwd', 'otp'],
      loginTs: 2000,
      authorizations: { late: { sid: 'late' } },
    });
  });

  it('stays ended, whoever saves it afterwards', async () => {
    await save(handle, {});
    const slow = new ProtocolRequest();
    const loaded = (await find(handle, slow)) as Payload;
    await end();
    expect(await find(handle)).toBeUndefined();
    await expect(save(handle, { ...loaded, authorizations: { a: {} } }, slow)).rejects.toThrow(SessionEnded);
    await expect(save(newHandle(), loaded)).rejects.toThrow(SessionEnded);
    expect(await find(handle)).toBeUndefined();
    await end();
    const events = await house.inside(() => house.eventsOf('session.ended'));
    expect(events.filter((event) => event.session_id === uid)).toEqual([
      { session_id: uid, user_id: accountId, reason: 'logout' },
    ]);
  });

  it('is never taken over by another account', async () => {
    await save(handle, {});
    const intruder = await house.newUser();
    await expect(save(newHandle(), { accountId: intruder.id, loginTs: 9000 })).rejects.toThrow(SessionEnded);
    expect(await find(handle)).toMatchObject({ accountId, loginTs: 1000 });
  });

  it('is not written where nothing changed, and once a minute to move its end', async () => {
    await save(handle, { authorizations: { a: { sid: 'a' } } });
    const request = new ProtocolRequest();
    const { jti, exp, ...payload } = (await find(handle, request)) as Payload;
    const unchanged = (more: Payload, end = Number(exp)) =>
      house.protocol.sessions.isUnchanged(request, { ...payload, ...more }, end);
    expect(unchanged({})).toBe(true);
    expect(unchanged({}, Number(exp) + 59)).toBe(true);
    expect(unchanged({}, Number(exp) + 60)).toBe(false);
    expect(unchanged({ loginTs: 2000 })).toBe(false);
    expect(unchanged({ authorizations: { a: { sid: 'a' }, b: {} } })).toBe(false);
    expect(unchanged({ uid: newHandle() })).toBe(false);
    // A session in which nothing happened is not worth a row.
    expect(house.protocol.sessions.isUnchanged(new ProtocolRequest(), { uid: newHandle() }, 1)).toBe(true);
  });

  it('is not found while its account is disabled', async () => {
    await save(handle, {});
    const user = await house.inside(() => house.users.find(accountId));
    await house.inside(() => house.users.disable(user));
    expect(await find(handle)).toBeUndefined();
    expect(await house.inside(() => house.protocol.sessions.findByUid(new ProtocolRequest(), uid))).toBeUndefined();
  });

  it('ends with the grants made in it, but for those that outlive it (offline_access)', async () => {
    const [stays, goes] = [await house.newClient(), await house.newClient()];
    const session = { uid, accountId };
    const [staying, going] = await house.inside(() =>
      Promise.all(
        [stays, goes].map(({ clientId }) =>
          house.protocol.grants.give(session, clientId, { openid: { scope: 'openid' } }),
        ),
      ),
    );
    await save(handle, {
      authorizations: {
        [stays.clientId]: { sid: 's', grantId: staying?.jti, persistsLogout: true },
        [goes.clientId]: { sid: 'g', grantId: going?.jti },
      },
    } as never);
    await end();
    const grant = (id: unknown) => house.inside(() => house.protocol.grants.find(new ProtocolRequest(), String(id)));
    expect(await grant(staying?.jti)).toBeDefined();
    expect(await grant(going?.jti)).toBeUndefined();
  });

  it.each(['password_changed', 'account_ended'] as const)(
    'ends with every grant when it ends by %s',
    async (reason) => {
      const client = await house.newClient();
      const grant = await house.inside(() =>
        house.protocol.grants.give({ uid, accountId }, client.clientId, { openid: { scope: 'openid offline_access' } }),
      );
      await save(handle, {
        authorizations: { [client.clientId]: { grantId: grant?.jti, persistsLogout: true } },
      } as never);
      expect(await house.inside(() => house.protocol.sessions.endAll(accountId, reason))).toBe(1);
      expect(await find(handle)).toBeUndefined();
      expect(
        await house.inside(() => house.protocol.grants.find(new ProtocolRequest(), String(grant?.jti))),
      ).toBeUndefined();
    },
  );

  it('goes on when all others of the account end', async () => {
    await save(handle, {});
    const otherHandle = newHandle();
    await save(otherHandle, { uid: newHandle() });
    expect(await house.inside(() => house.protocol.sessions.endAll(accountId, 'revoked', uid))).toBe(1);
    expect(await find(handle)).toBeDefined();
    expect(await find(otherHandle)).toBeUndefined();
  });

  it('is one of thousands that end at once, with their grants but those that outlive it, by a few statements and with a record each', async () => {
    const clientIds = [(await house.newClient()).clientId, (await house.newClient()).clientId];
    const query = (sql: string, values: unknown[] = []) => house.db.manager.query(sql, values);
    const many = 2100;
    await query(
      `INSERT INTO sessions (tenant_id, uid, account_id, login_ts, payload, created_at, updated_at, expires_at)
       SELECT $1, $2 || n, $2::uuid, 1000, $3, now(), now(), now() + interval '1 hour' FROM generate_series(1, ${many}) n`,
      [house.tenant.id, accountId, { authorizations: { [String(clientIds[0])]: { persistsLogout: true } } }],
    );
    for (const clientId of clientIds)
      await query(
        `INSERT INTO grants (tenant_id, id, client_id, account_id, session_uid, payload, created_at, expires_at)
         SELECT $1, $3 || $2 || n, $3, $2::uuid, $2 || n, '{}', now(), now() + interval '1 hour' FROM generate_series(1, ${many}) n`,
        [house.tenant.id, accountId, clientId],
      );
    const said = jest.spyOn(house.db, 'execute');
    const inserted = jest.spyOn(house.audit, 'record');
    expect(await house.inside(() => house.protocol.sessions.endAll(accountId, 'revoked'))).toBe(many);
    expect(said.mock.calls.length + inserted.mock.calls.length).toBeLessThan(20);
    jest.restoreAllMocks();
    const count = async (sql: string, ...values: unknown[]) => (await query(sql, [accountId, ...values])).length;
    expect(await count('SELECT 1 FROM sessions WHERE account_id = $1 AND ended_at IS NULL')).toBe(0);
    const live = 'SELECT 1 FROM grants WHERE account_id = $1 AND client_id = $2 AND ended_at IS NULL';
    expect([await count(live, clientIds[0]), await count(live, clientIds[1])]).toEqual([many, 0]);
    const recorded = `SELECT DISTINCT data, id FROM audit_events WHERE data ->> 'user_id' = $1 AND name = $2 AND data ->> 'reason' = 'revoked'`;
    expect([await count(recorded, 'session.ended'), await count(recorded, 'grant.revoked')]).toEqual([many, many]);
  }, 60_000);

  it('is recorded when somebody signs in, not at each save', async () => {
    await save(handle, { amr: ['pwd'] });
    await change(handle, (payload) => ({ ...payload, authorizations: { a: {} } }));
    const events = await house.inside(() => house.eventsOf('session.started'));
    expect(events.filter((event) => event.session_id === uid)).toEqual([
      { session_id: uid, user_id: accountId, amr: ['pwd'] },
    ]);
  });
});
