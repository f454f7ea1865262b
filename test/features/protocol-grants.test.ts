import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Consent } from '../../src/features/protocol/consent.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newUid = () => randomBytes(12).toString('base64url');
const api = 'https://api.example';

describe.each(stores.filter((store) => store !== 'postgres+redis'))(
  'what a person allowed a client, on %s',
  (store) => {
    let house: ProtocolHouse;
    let clientId: string;
    let session: { uid: string; accountId: string };

    beforeAll(async () => {
      house = await openProtocolHouse(store);
    });
    afterAll(() => house?.close());
    beforeEach(async () => {
      clientId = (await house.newClient()).clientId;
      session = { uid: newUid(), accountId: (await house.newUser()).id };
    });

    const give = async (consent: Consent, whose = session) => {
      const grant = await house.inside(() => house.protocol.grants.give(whose, clientId, consent));
      if (!grant) throw new Error('the session has ended');
      return grant;
    };
    const ofSession = (whose = session) => house.inside(() => house.protocol.grants.ofSession(whose, clientId));
    const find = (id: unknown) => house.inside(() => house.protocol.grants.find(new ProtocolRequest(), String(id)));
    const end = (id: unknown, reason: 'logout' | 'revoked') =>
      house.inside(() => house.protocol.grants.end(new ProtocolRequest(), String(id), reason));

    it('is one grant per session and client, to which more is added', async () => {
      const first = await give({ openid: { scope: 'openid profile', claims: ['nickname'] } });
      const second = await give({ openid: { scope: 'openid email' }, resources: { [api]: 'read' } });
      expect(second.jti).toBe(first.jti);
      expect(await find(first.jti)).toMatchObject({
        jti: first.jti,
        clientId,
        accountId: session.accountId,
        openid: { scope: 'openid profile email', claims: ['nickname'] },
        resources: { [api]: 'read' },
      });
    });

    it('remembers what was refused, until it is allowed', async () => {
      await give({
        openid: { scope: 'openid' },
        resources: { [api]: 'read' },
        rejected: { resources: { [api]: 'write' } },
      });
      expect(await ofSession()).toMatchObject({
        resources: { [api]: 'read' },
        rejected: { resources: { [api]: 'write' } },
      });
      await give({ resources: { [api]: 'write' } });
      expect(await ofSession()).toMatchObject({
        resources: { [api]: 'read write' },
        rejected: { resources: { [api]: '' } },
      });
      await give({ rejected: { resources: { [api]: 'write' } } });
      expect(await ofSession()).toMatchObject({
        resources: { [api]: 'read' },
        rejected: { resources: { [api]: 'write' } },
      });
    });

    it('is one grant with everything in it when many requests of one session give at once', async () => {
      const scopes = Array.from({ length: 8 }, (_each, index) => `scope-${index}`);
      const given = await Promise.all(scopes.map((scope) => give({ resources: { [api]: scope } })));
      expect(new Set(given.map(({ jti }) => jti)).size).toBe(1);
      const { resources } = (await ofSession()) as Consent;
      expect(resources?.[api]?.split(' ').sort()).toEqual(scopes);
      const rows = await house.db.manager.query('SELECT id FROM grants WHERE session_uid = $1', [session.uid]);
      expect(rows).toHaveLength(1);
    });

    it('is inherited once by a new session, whoever of its tabs comes first', async () => {
      const old = await give({ openid: { scope: 'openid email' } });
      await end(old.jti, 'logout');
      const next = { ...session, uid: newUid() };
      const inherited = await Promise.all(Array.from({ length: 8 }, () => ofSession(next)));
      expect(new Set(inherited.map((grant) => grant?.jti)).size).toBe(1);
      expect(inherited[0]?.jti).not.toBe(old.jti);
      expect(inherited[0]).toMatchObject({ openid: { scope: 'openid email' } });
      expect(await find(old.jti)).toBeUndefined();
    });

    it('is remembered beside a session that still lives, by that account and client only', async () => {
      await give({ openid: { scope: 'openid email' } });
      expect(await ofSession({ ...session, uid: newUid() })).toMatchObject({ openid: { scope: 'openid email' } });
      expect(await ofSession({ uid: newUid(), accountId: (await house.newUser()).id })).toBeUndefined();
      const other = await house.newClient();
      expect(
        await house.inside(() => house.protocol.grants.ofSession({ ...session, uid: newUid() }, other.clientId)),
      ).toBeUndefined();
    });

    it('is not inherited once it was revoked', async () => {
      const old = await give({ openid: { scope: 'openid email' } });
      await end(old.jti, 'revoked');
      expect(await ofSession()).toBeUndefined();
      expect(await ofSession({ ...session, uid: newUid() })).toBeUndefined();
    });

    it('is not remembered from an older session once the newer one was revoked', async () => {
      const old = await give({ openid: { scope: 'openid email' } });
      await end(old.jti, 'logout');
      const next = { ...session, uid: newUid() };
      const newer = await ofSession(next);
      await end(newer?.jti, 'revoked');
      expect(await ofSession({ ...session, uid: newUid() })).toBeUndefined();
    });

    it('is not remembered after it has expired', async () => {
      const { jti } = await give({ openid: { scope: 'openid' } });
      await house.db.manager.query('UPDATE grants SET expires_at = $2 WHERE id = $1', [jti, house.clock.now()]);
      expect(await ofSession({ ...session, uid: newUid() })).toBeUndefined();
    });

    it('takes every session with it, and what was remembered, when all of an account and client ends', async () => {
      const first = await give({ openid: { scope: 'openid' } });
      const second = await ofSession({ ...session, uid: newUid() });
      await end(first.jti, 'logout');
      expect(
        await house.inside(() => house.protocol.grants.endAll({ accountId: session.accountId, clientId }, 'revoked')),
      ).toBe(2);
      expect(await find(second?.jti)).toBeUndefined();
      expect(await ofSession({ ...session, uid: newUid() })).toBeUndefined();
      expect(
        await house.inside(() => house.protocol.grants.endAll({ accountId: session.accountId, clientId }, 'revoked')),
      ).toBe(0);
    });

    it('ends the tokens that stand on it: their grant is not found with them', async () => {
      const { jti: grantId } = await give({ openid: { scope: 'openid' } });
      const handle = newUid();
      await house.save('AccessToken', handle, { clientId, accountId: session.accountId, grantId: String(grantId) });
      await end(grantId, 'revoked');
      const request = new ProtocolRequest();
      await house.inside(() => house.protocol.rows.find(request, 'AccessToken', handle));
      expect(await house.inside(() => house.protocol.grants.find(request, String(grantId)))).toBeUndefined();
    });

    it('is recorded when given and once when it ends', async () => {
      const { jti } = await give({ openid: { scope: 'openid email' } });
      await Promise.all(Array.from({ length: 5 }, () => end(jti, 'revoked')));
      const events = await house.inside(async () => [
        (await house.eventsOf('grant.given')).filter((event) => event.grant_id === jti),
        (await house.eventsOf('grant.revoked')).filter((event) => event.grant_id === jti),
      ]);
      expect(events).toEqual([
        [{ grant_id: jti, client_id: clientId, user_id: session.accountId, scope: 'openid email' }],
        [{ grant_id: jti, client_id: clientId, user_id: session.accountId, reason: 'revoked' }],
      ]);
    });
  },
);
