import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lifetimes } from '../../config/protocol.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { sweepProtocol } from '../../src/features/protocol/sweeper.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newHandle = () => randomBytes(24).toString('base64url');
const day = 24 * 3600;

describe.each(stores.filter((store) => store !== 'postgres+redis'))(
  'the sweep of what nobody can use, on %s',
  (store) => {
    let house: ProtocolHouse;
    let whose: { clientId: string; accountId: string };

    beforeAll(async () => {
      house = await openProtocolHouse(store);
      whose = { clientId: house.client.clientId, accountId: house.maria.id };
    });
    afterAll(() => house?.close());

    const sweep = () => sweepProtocol(house.db, house.clock);
    const count = async (table: string) =>
      Number(((await house.db.manager.query(`SELECT count(*) FROM ${table}`)) as { count: string }[])[0]?.count);

    it('leaves what must be noticed when it comes again, and takes it when it cannot', async () => {
      const [code, refresh, access] = [newHandle(), newHandle(), newHandle()];
      const iiat = house.nowSeconds();
      await house.save('AuthorizationCode', code, { ...whose, exp: iiat + 60 });
      await house.save('RefreshToken', refresh, { ...whose, iiat, exp: iiat + 60 });
      await house.save('AccessToken', access, { ...whose, exp: iiat + 60 });
      await house.consume('AuthorizationCode', code);
      await house.consume('RefreshToken', refresh);
      expect(await sweep()).toBe(0);

      house.clock.forward(61);
      expect(await sweep()).toBe(1);
      expect((await house.find('AuthorizationCode', code))?.consumed).toBeDefined();
      expect((await house.find('RefreshToken', refresh))?.consumed).toBeDefined();

      house.clock.forward(lifetimes.spentCode);
      expect(await sweep()).toBe(1);
      expect((await house.find('RefreshToken', refresh))?.consumed).toBeDefined();

      house.clock.forward(lifetimes.refreshTokenAbsolute);
      expect(await sweep()).toBe(1);
      expect(await count('engine_rows')).toBe(0);
    });

    it('remembers a jti as long as it could be presented again (RFC 9449 §11.1)', async () => {
      const seen = () => house.inside(() => house.protocol.replays.unique('rp', 'jti-1', house.nowSeconds() + 60));
      await seen();
      house.clock.forward(30);
      await sweep();
      expect(await seen()).toBe(false);
      house.clock.forward(60);
      await sweep();
      expect(await seen()).toBe(true);
    });

    it('keeps an ended session for 30 days, so that it stays ended', async () => {
      const [uid, handle] = [newHandle(), newHandle()];
      const save = (request: ProtocolRequest) =>
        house.inside(() =>
          house.protocol.sessions.save(request, handle, {
            uid,
            accountId: whose.accountId,
            loginTs: 1,
            exp: house.nowSeconds() + 60,
          }),
        );
      await save(new ProtocolRequest());
      await house.inside(() => house.protocol.sessions.end(new ProtocolRequest(), uid, 'logout'));
      house.clock.forward(61 + 29 * day);
      await sweep();
      await expect(save(new ProtocolRequest())).rejects.toThrow('the session has ended');
      house.clock.forward(day + 1);
      await sweep();
      expect(await count('sessions')).toBe(0);
      expect(await count('session_handles')).toBe(0);
    });

    it('empties the sealed answer of an exchanged refresh token when its grace window is over', async () => {
      const handle = newHandle();
      await house.save('RefreshToken', handle, { ...whose, iiat: house.nowSeconds(), exp: house.nowSeconds() + 1000 });
      await house.inside(async () => {
        const request = new ProtocolRequest();
        request.beginUnit();
        await house.protocol.rows.consume(request, 'RefreshToken', handle);
        await house.protocol.rows.flush(request, { text: 'answer', seconds: 10 });
      });
      await sweep();
      expect(await count('engine_rows WHERE sealed_answer IS NOT NULL')).toBe(1);
      house.clock.forward(11);
      await sweep();
      expect(await count('engine_rows WHERE sealed_answer IS NOT NULL')).toBe(0);
      expect((await house.find('RefreshToken', handle))?.consumed).toBeDefined();
    });

    it('takes a bounded number at a time', async () => {
      const { id } = house.tenant;
      await house.db.manager.query(
        `INSERT INTO replays (tenant_id, id, expires_at) SELECT $1, 'old-' || n, $2 FROM generate_series(1, 1500) n`,
        [id, new Date(house.clock.now().getTime() - 1000)],
      );
      const before = await count('replays');
      await sweep();
      expect(before - (await count('replays'))).toBe(1000);
      await sweep();
      expect(await count(`replays WHERE id LIKE 'old-%'`)).toBe(0);
    });
  },
);
