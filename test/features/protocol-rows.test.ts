import { hash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lifetimes } from '../../config/protocol.js';
import { AlreadyConsumed } from '../../src/features/protocol/engine-rows.js';
import { handleHash } from '../../src/features/protocol/handles.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { at } from './house.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newHandle = () => randomBytes(24).toString('base64url');

const kinds = [
  'AccessToken',
  'ClientCredentials',
  'RefreshToken',
  'AuthorizationCode',
  'InitialAccessToken',
  'RegistrationAccessToken',
  'Interaction',
  'PushedAuthorizationRequest',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
];
const shortLived = ['Interaction', 'PushedAuthorizationRequest'];
const sealed = [...shortLived, 'DeviceCode', 'BackchannelAuthenticationRequest'];

describe.each(stores)('what the engine keeps, on %s', (store) => {
  let house: ProtocolHouse;
  let whose: { clientId: string; accountId: string };

  beforeAll(async () => {
    house = await openProtocolHouse(store);
    whose = { clientId: house.client.clientId, accountId: house.maria.id };
  });
  afterAll(() => house?.close());

  describe.each(kinds)('%s', (kind) => {
    const payload = () => ({ ...whose, scope: 'openid', extra: { nested: ['a', 'b'] } });

    it('is found under its handle, which is put back as jti, with everything the engine said', async () => {
      const handle = newHandle();
      await house.save(kind, handle, payload());
      expect(await house.find(kind, handle)).toMatchObject({ ...payload(), kind, jti: handle });
    });

    it('is not found under another handle, as another kind, or at another tenant', async () => {
      const handle = newHandle();
      await house.save(kind, handle, payload());
      expect(await house.find(kind, `${handle}x`)).toBeUndefined();
      expect(await house.find(kind === 'AccessToken' ? 'RefreshToken' : 'AccessToken', handle)).toBeUndefined();
      const other = await house.tenants.create({ slug: `t${randomBytes(4).toString('hex')}`, name: 'Other' });
      expect(await at(other, () => house.protocol.rows.find(new ProtocolRequest(), kind, handle))).toBeUndefined();
      expect(await house.find(kind, handle)).toBeDefined();
    });

    it('saved again is what it became, also how long it stays', async () => {
      const handle = newHandle();
      await house.save(kind, handle, { ...payload(), exp: house.nowSeconds() + 100 });
      await house.save(kind, handle, { ...payload(), scope: 'openid email', exp: house.nowSeconds() + 100_000 });
      expect(await house.find(kind, handle)).toMatchObject({ scope: 'openid email' });
      expect(await retainUntil(kind, handle)).toBeGreaterThanOrEqual((house.nowSeconds() + 100_000 - 1) * 1000);
    });

    it('is spent exactly once, whoever comes at the same time, and is then shown as consumed', async () => {
      const handle = newHandle();
      await house.save(kind, handle, payload());
      const attempts = await Promise.allSettled(Array.from({ length: 10 }, () => house.consume(kind, handle)));
      expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const attempt of attempts)
        if (attempt.status === 'rejected') expect(attempt.reason).toBeInstanceOf(AlreadyConsumed);
      expect((await house.find(kind, handle))?.consumed).toEqual(expect.any(Number));
      await expect(house.consume(kind, handle)).rejects.toThrow(AlreadyConsumed);
    });

    it('is never spent where it is not there', async () => {
      await expect(house.consume(kind, newHandle())).rejects.toThrow(AlreadyConsumed);
    });

    it('stays spent when it is saved again', async () => {
      const handle = newHandle();
      await house.save(kind, handle, payload());
      await house.consume(kind, handle);
      await house.save(kind, handle, payload());
      expect((await house.find(kind, handle))?.consumed).toEqual(expect.any(Number));
    });

    it('is gone once destroyed, and destroying it twice is once', async () => {
      const handle = newHandle();
      await house.save(kind, handle, payload());
      await house.destroy(kind, handle);
      await house.destroy(kind, handle);
      expect(await house.find(kind, handle)).toBeUndefined();
    });

    it('leaves its handle nowhere at rest', async () => {
      const handle = newHandle();
      const secret = `typed-${newHandle()}`;
      await house.save(kind, handle, { ...payload(), params: { login_hint: secret } });
      const dump = await house.dump();
      expect(dump).not.toContain(handle);
      if (sealed.includes(kind)) expect(dump).not.toContain(secret);
    });
  });

  async function retainUntil(kind: string, handle: string): Promise<number> {
    const hash = handleHash(kind, handle);
    if (house.redis && shortLived.includes(kind))
      return Number(
        await house.redis.call('PEXPIRETIME', `ostiary:${house.tenant.id}:${kind}:${hash.toString('base64url')}`),
      );
    const [row] = (await house.db.manager.query(
      'SELECT retain_until FROM engine_rows WHERE tenant_id = $1 AND handle_hash = $2',
      [house.tenant.id, hash],
    )) as { retain_until: Date }[];
    return row?.retain_until.getTime() ?? 0;
  }

  it.each([
    ['AccessToken', 0],
    ['ClientCredentials', 0],
    ['AuthorizationCode', lifetimes.spentCode],
    ['PushedAuthorizationRequest', lifetimes.interaction],
    ['Interaction', 0],
  ])('%s stays %i seconds after it has expired, so that its reuse is noticed (RFC 6749 §4.1.2)', async (kind, more) => {
    const handle = newHandle();
    const exp = house.nowSeconds() + 60;
    await house.save(kind, handle, { ...whose, exp });
    expect(await retainUntil(kind, handle)).toBe((exp + more) * 1000);
  });

  it('keeps a refresh token to the absolute end of its family, spent or not (RFC 9700 §4.14.2)', async () => {
    const handle = newHandle();
    const iiat = house.nowSeconds() - 1000;
    await house.save('RefreshToken', handle, { ...whose, iiat, exp: house.nowSeconds() + 60 });
    await house.consume('RefreshToken', handle);
    expect(await retainUntil('RefreshToken', handle)).toBe((iiat + lifetimes.refreshTokenAbsolute) * 1000);
  });

  it('counts a jti once per issuer and tenant, whoever comes at the same time (RFC 9449 §11.1)', async () => {
    const jti = newHandle();
    const unique = (issuer: string, tenant = house.tenant) =>
      at(tenant, () => house.protocol.replays.unique(issuer, jti, house.nowSeconds() + 60));
    const answers = await Promise.all(Array.from({ length: 10 }, () => unique('client-a')));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await unique('client-b')).toBe(true);
    const other = await house.tenants.create({ slug: `t${randomBytes(4).toString('hex')}`, name: 'Other' });
    expect(await unique('client-a', other)).toBe(true);
    expect(await house.dump()).not.toContain(jti);
  });

  it.each(['AccessToken', 'RefreshToken', 'AuthorizationCode', 'DeviceCode', 'BackchannelAuthenticationRequest'])(
    '%s of a disabled user or client is not found, and is again when both may act',
    async (kind) => {
      const [client, user] = [await house.newClient(), await house.newUser()];
      const handle = newHandle();
      await house.save(kind, handle, { clientId: client.clientId, accountId: user.id });

      await house.inside(() => house.users.disable(user));
      expect(await house.find(kind, handle)).toBeUndefined();
      await house.inside(() => house.users.enable(user));
      expect(await house.find(kind, handle)).toBeDefined();

      await house.inside(() => house.clients.disable(client));
      expect(await house.find(kind, handle)).toBeUndefined();
      await house.inside(() => house.clients.enable(client));
      await house.inside(() => house.clients.delete(client));
      expect(await house.find(kind, handle)).toBeUndefined();
    },
  );

  it.each(['DeviceCode', 'BackchannelAuthenticationRequest'])(
    '%s waits in the database, with what it stands on, since no browser begins it anew',
    async (kind) => {
      const [handle, grantId, sessionUid] = [newHandle(), newHandle(), newHandle()];
      await house.save(kind, handle, { ...whose, grantId, sessionUid });
      const rows = await house.db.manager.query(
        'SELECT account_id, grant_id, session_uid, payload FROM engine_rows WHERE handle_hash = $1',
        [handleHash(kind, handle)],
      );
      expect(rows).toEqual([
        { account_id: whose.accountId, grant_id: grantId, session_uid: sessionUid, payload: null },
      ]);
    },
  );

  it('keeps a code that people type under a keyed hash, once per tenant (RFC 8628 §5.1, §6.1)', async () => {
    const userCode = randomBytes(4).toString('hex').toUpperCase();
    await house.save('DeviceCode', newHandle(), { ...whose, userCode });
    await expect(house.save('DeviceCode', newHandle(), { ...whose, userCode })).rejects.toThrow(/duplicate key/);
    const other = await house.tenants.create({ slug: `t${randomBytes(4).toString('hex')}`, name: 'Other' });
    const handle = newHandle();
    const payload = { kind: 'DeviceCode', exp: house.nowSeconds() + 60, userCode };
    await at(other, () => house.protocol.rows.save(new ProtocolRequest(), { kind: 'DeviceCode', handle, payload }));
    const rows = (await house.db.manager.query(
      'SELECT user_code_hash AS hash FROM engine_rows WHERE user_code_hash IS NOT NULL',
    )) as { hash: Buffer }[];
    expect(new Set(rows.map(({ hash }) => hash.toString('hex'))).size).toBe(rows.length);
    const guessed = [handleHash('UserCode', userCode), hash('sha256', userCode, 'buffer')];
    for (const row of rows) for (const bare of guessed) expect(row.hash.equals(bare)).toBe(false);
    expect(await house.dump()).not.toContain(userCode);
  });

  it('spends a code and writes its tokens together, or does neither (RFC 6749 §4.1.2)', async () => {
    const code = newHandle();
    await house.save('AuthorizationCode', code, whose);
    const exchange = (token: string) =>
      house.inside(async () => {
        const request = new ProtocolRequest();
        await house.protocol.rows.find(request, 'AuthorizationCode', code);
        request.beginUnit();
        await house.protocol.rows.save(request, {
          kind: 'AccessToken',
          handle: token,
          payload: { ...whose, kind: 'AccessToken', exp: house.nowSeconds() + 60 },
        });
        await house.protocol.rows.consume(request, 'AuthorizationCode', code);
        await house.protocol.rows.flush(request);
      });
    const tokens = Array.from({ length: 8 }, newHandle);
    const results = await Promise.allSettled(tokens.map(exchange));
    const winners = tokens.filter((_token, index) => results[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    for (const token of tokens)
      expect((await house.find('AccessToken', token)) !== undefined).toBe(winners.includes(token));
  });

  describe.each(shortLived)('%s, where Redis comes and goes', (kind) => {
    const whileRedis = async <T>(status: string, work: () => Promise<T>): Promise<T> => {
      if (!house.redis) return work();
      Object.defineProperty(house.redis, 'status', { value: status, configurable: true, writable: true });
      return work().finally(() => {
        if (house.redis) house.redis.status = 'ready';
      });
    };

    it('is found with Redis when it was begun without, and is spent once', async () => {
      const handle = newHandle();
      await whileRedis('reconnecting', () => house.save(kind, handle, { params: { state: 'a' } }));
      expect(await house.find(kind, handle)).toMatchObject({ params: { state: 'a' } });
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => house.consume(kind, handle)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('is nothing any more once it has ended, in whichever of the two an older state was', async () => {
      const handle = newHandle();
      await whileRedis('reconnecting', () => house.save(kind, handle, { params: { state: 'older' } }));
      await house.save(kind, handle, { params: { state: 'newer' } });
      expect(await house.find(kind, handle)).toMatchObject({ params: { state: 'newer' } });
      await house.destroy(kind, handle);
      expect(await house.find(kind, handle)).toBeUndefined();
      expect(await whileRedis('end', () => house.find(kind, handle))).toBeUndefined();
    });
  });

  it('answers an exchanged refresh token again for its grace window only, from a sealed copy', async () => {
    const handle = newHandle();
    const answer = `answer-${newHandle()}`;
    await house.save('RefreshToken', handle, { ...whose, iiat: house.nowSeconds(), exp: house.nowSeconds() + 1000 });
    await house.inside(async () => {
      const request = new ProtocolRequest();
      await house.protocol.rows.find(request, 'RefreshToken', handle);
      request.beginUnit();
      await house.protocol.rows.consume(request, 'RefreshToken', handle);
      await house.protocol.rows.flush(request, { text: answer, seconds: 10 });
    });
    expect(await house.dump()).not.toContain(answer);

    const again = new ProtocolRequest();
    const shown = await house.inside(() => house.protocol.rows.find(again, 'RefreshToken', handle));
    expect(shown?.consumed).toBeUndefined();
    expect(again.earlierAnswer).toBe(answer);
    expect(await house.inside(() => house.protocol.rows.earlierAnswer(handle))).toBe(answer);

    house.clock.forward(11);
    const late = new ProtocolRequest();
    expect((await house.inside(() => house.protocol.rows.find(late, 'RefreshToken', handle)))?.consumed).toEqual(
      expect.any(Number),
    );
    expect(late.earlierAnswer).toBeUndefined();
    expect(await house.inside(() => house.protocol.rows.earlierAnswer(handle))).toBeUndefined();
  });

  it('does not find what may be forgotten, even before the sweep', async () => {
    const handle = newHandle();
    await house.save('AccessToken', handle, { ...whose, exp: house.nowSeconds() + 60 });
    house.clock.forward(61);
    expect(await house.find('AccessToken', handle)).toBeUndefined();
  });
});
