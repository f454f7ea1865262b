import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Apart } from '../../src/features/protocol/grant-standing.js';
import { OwnGrants } from '../../src/features/protocol/own-grants.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newUid = () => randomBytes(12).toString('base64url');

describe.each(stores.filter((store) => store !== 'postgres+redis'))(
  'a grant without a session (RFC 8693, RFC 7523 §2.1, OpenID Connect CIBA), on %s',
  (store) => {
    let house: ProtocolHouse;
    let clientId: string;
    let other: string;
    let session: { uid: string; accountId: string };

    beforeAll(async () => {
      house = await openProtocolHouse(store);
    });
    afterAll(() => house?.close());
    beforeEach(async () => {
      clientId = (await house.newClient()).clientId;
      other = (await house.newClient()).clientId;
      session = { uid: newUid(), accountId: (await house.newUser()).id };
    });

    const scope = { openid: { scope: 'openid email' } };
    const grantsOf = () => house.protocol.grants;
    const give = async (whose = session) =>
      String((await house.inside(() => grantsOf().give(whose, clientId, scope)))?.jti);
    const apart = async (more: Partial<Apart> = {}) => {
      const whose: Apart = { accountId: session.accountId, clientId: other, origin: 'exchange', ...more };
      return (await house.inside(() => grantsOf().giveApart(whose, scope)))?.jti;
    };
    const isLive = async (id: unknown) =>
      (await house.inside(() => grantsOf().find(new ProtocolRequest(), String(id)))) !== undefined;
    const end = (id: unknown) => house.inside(() => grantsOf().end(new ProtocolRequest(), String(id), 'revoked'));
    const remembered = (client = clientId) =>
      house.inside(() => grantsOf().ofSession({ ...session, uid: newUid() }, client));
    const newSession = () =>
      house.inside(() =>
        house.protocol.sessions.save(new ProtocolRequest(), newUid(), {
          ...session,
          loginTs: house.nowSeconds(),
          exp: house.nowSeconds() + 600,
        }),
      );

    it('is no consent that a browser remembers, and taking it back forgets none', async () => {
      const own = await apart({ clientId });
      expect(await isLive(own)).toBe(true);
      expect(await remembered()).toBeUndefined();
      await give();
      await end(own);
      expect(await remembered()).toMatchObject(scope);
    });

    it('holds what it was given, and is recorded with how it came about', async () => {
      const parent = await give();
      const id = await apart({ parent });
      expect(await house.inside(() => grantsOf().find(new ProtocolRequest(), String(id)))).toMatchObject({
        clientId: other,
        accountId: session.accountId,
        ...scope,
      });
      const events = await house.inside(() => house.eventsOf('grant.given'));
      expect(events.filter((event) => event.grant_id === id)).toEqual([
        {
          grant_id: id,
          client_id: other,
          user_id: session.accountId,
          scope: 'openid email',
          origin: 'exchange',
          parent_grant_id: parent,
        },
      ]);
    });

    it.each<[string, (parent: string) => Promise<unknown>]>([
      ['is taken back', (id) => end(id)],
      ['is taken back by an administrator', (id) => house.inside(() => grantsOf().endKnown(id, 'revoked'))],
      ['ends with its client', () => house.inside(() => grantsOf().endAll({ clientId }, 'client_ended'))],
      [
        'ends with its session',
        () => house.inside(() => house.protocol.sessions.end(new ProtocolRequest(), session.uid, 'logout')),
      ],
      [
        'ends with all sessions',
        () => house.inside(() => house.protocol.sessions.endAll(session.accountId, 'revoked')),
      ],
    ])(
      'ends when the one it stands on %s, and so does what stands on it, once and recorded',
      async (_how, endParent) => {
        await newSession();
        const parent = await give();
        const child = await apart({ parent });
        const grandchild = await apart({ parent: String(child) });
        const beside = await apart();
        await endParent(parent);
        expect([await isLive(parent), await isLive(child), await isLive(grandchild)]).toEqual([false, false, false]);
        expect(await isLive(beside)).toBe(true);
        const events = await house.inside(() => house.eventsOf('grant.revoked'));
        for (const id of [parent, child, grandchild])
          expect(events.filter((event) => event.grant_id === id)).toHaveLength(1);
        expect(await apart({ parent })).toBeUndefined();
      },
    );

    it('leaves the one it stands on when it ends itself', async () => {
      const parent = await give();
      await end(await apart({ parent }));
      expect(await isLive(parent)).toBe(true);
    });

    it('stays with the session that is left out when all others of an account end', async () => {
      const child = await apart({ parent: await give() });
      const alone = await apart({ origin: 'ciba' });
      await house.inside(() =>
        grantsOf().endAll({ accountId: session.accountId, exceptSession: session.uid }, 'logout'),
      );
      expect([await isLive(child), await isLive(alone)]).toEqual([true, false]);
    });

    it('ends with the session that its token ends with, where the one it stands on goes on without it', async () => {
      await newSession();
      const parent = await give({ ...session, uid: newUid() });
      const [bound, free] = [await apart({ parent, session: session.uid }), await apart({ parent })];
      const grandchild = await apart({ parent: String(bound) });
      await house.inside(() => house.protocol.sessions.end(new ProtocolRequest(), session.uid, 'logout'));
      expect([await isLive(bound), await isLive(grandchild)]).toEqual([false, false]);
      expect([await isLive(parent), await isLive(free)]).toEqual([true, true]);
      expect(await apart({ parent, session: session.uid })).toBeUndefined();
      expect(await apart({ parent, session: newUid() })).toBeUndefined();
    });

    it('never outlives the session that it stands on, whoever of the two is first', async () => {
      for (let round = 0; round < 10; round += 1) {
        session = { ...session, uid: newUid() };
        await newSession();
        const given = Promise.all([apart({ session: session.uid }), apart({ session: session.uid })]);
        const ended = house.inside(() => house.protocol.sessions.end(new ProtocolRequest(), session.uid, 'logout'));
        const [grants] = await Promise.all([given, ended]);
        for (const id of grants) if (id) expect(await isLive(id)).toBe(false);
      }
    });

    it('ends when its token does', async () => {
      const soon = new Date(Math.floor(house.clock.now().getTime() / 1000) * 1000 + 60_000);
      const id = await apart({ until: soon });
      const [row] = await house.db.manager.query('SELECT expires_at FROM grants WHERE id = $1', [id]);
      expect(row.expires_at).toEqual(soon);
    });

    it('ends no later than the one it stands on', async () => {
      const parent = await give();
      const soon = new Date(Math.floor(house.clock.now().getTime() / 1000) * 1000 + 60_000);
      await house.db.manager.query('UPDATE grants SET expires_at = $2 WHERE id = $1', [parent, soon]);
      const child = await apart({ parent });
      const [row] = await house.db.manager.query('SELECT expires_at FROM grants WHERE id = $1', [child]);
      expect(row.expires_at).toEqual(soon);
    });

    it('is not given to an account that was disabled, nor on a grant that is not there, nor on too many', async () => {
      expect(await apart({ parent: newUid() })).toBeUndefined();
      let parent = await give();
      for (const _ of [2, 3, 4]) parent = String(await apart({ parent }));
      expect(await isLive(parent)).toBe(true);
      expect(await apart({ parent })).toBeUndefined();
      const user = await house.newUser();
      await house.inside(() => house.users.disable(user));
      expect(await apart({ accountId: user.id })).toBeUndefined();
    });

    it('never outlives the one it stands on, whoever of the two is first', async () => {
      for (let round = 0; round < 15; round += 1) {
        const parent = await give({ ...session, uid: newUid() });
        const [children] = await Promise.all([Promise.all([apart({ parent }), apart({ parent })]), end(parent)]);
        for (const child of children) if (child) expect(await isLive(child)).toBe(false);
      }
    });

    it('is seen by its person while it lives, beside what they have agreed to', async () => {
      const own = () => new OwnGrants(house.db, grantsOf(), house.clock);
      const listed = async () =>
        (await house.inside(() => own().of(session.accountId))).map((grant) => grant.clientId).sort();
      const parent = await give();
      const child = await apart({ parent });
      expect(await listed()).toEqual([clientId, other].sort());
      await house.inside(() => grantsOf().end(new ProtocolRequest(), String(child), 'logout'));
      expect(await listed()).toEqual([clientId]);
      await apart({ parent });
      await house.inside(() => own().revoke(session.accountId, other));
      expect(await listed()).toEqual([clientId]);
    });

    it('hides nothing that its application was given before, and more', async () => {
      const bank = 'https://bank.example';
      const more = { openid: { scope: 'openid email' }, resources: { [bank]: 'transfer' } };
      await house.inside(() => grantsOf().give(session, clientId, more));
      const television: Apart = { accountId: session.accountId, clientId, origin: 'device' };
      await house.inside(() => grantsOf().giveApart(television, { openid: { scope: 'openid phone' } }));
      const [seen, ...others] = await house.inside(() =>
        new OwnGrants(house.db, grantsOf(), house.clock).of(session.accountId),
      );
      expect(others).toEqual([]);
      expect(seen?.consent.resources).toEqual({ [bank]: 'transfer' });
      expect(seen?.consent.openid?.scope?.split(' ').sort()).toEqual(['email', 'openid', 'phone']);
    });
  },
);
