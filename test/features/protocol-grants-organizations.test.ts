import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OwnGrants } from '../../src/features/protocol/own-grants.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import { newId } from '../../src/platform/crypto.js';
import { openProtocolHouse, type ProtocolHouse, stores } from './protocol-house.js';

const newUid = () => randomBytes(12).toString('base64url');
const scope = (words: string) => ({ openid: { scope: words } });

describe.each(stores.filter((store) => store !== 'postgres+redis'))('grants for organizations, on %s', (store) => {
  let house: ProtocolHouse;
  let clientId: string;
  let session: { uid: string; accountId: string };
  let one: string;
  let two: string;

  beforeAll(async () => {
    house = await openProtocolHouse(store);
  });
  afterAll(() => house?.close());
  beforeEach(async () => {
    clientId = (await house.newClient()).clientId;
    session = { uid: newUid(), accountId: (await house.newUser()).id };
    [one, two] = [newId(), newId()];
  });

  const of = (id: string | undefined, until?: Date) => ({ ...session, organization: id && { id, until } }) as never;
  const give = async (id: string | undefined, words: string, whose = of(id)) =>
    String((await house.inside(() => house.protocol.grants.give(whose, clientId, scope(words))))?.jti);
  const ofSession = (whose: never) => house.inside(() => house.protocol.grants.ofSession(whose, clientId));
  const find = (id: string) => house.inside(() => house.protocol.grants.find(new ProtocolRequest(), id));
  const live = async (...ids: string[]) =>
    (await Promise.all(ids.map(async (id) => ((await find(id)) ? id : undefined)))).filter(Boolean);
  const later = (seconds: number) => new Date(house.clock.now().getTime() + seconds * 1000);

  it('are one for each organization and one for none, of a session at a client', async () => {
    const ids = [await give(undefined, 'openid'), await give(one, 'openid email'), await give(two, 'openid phone')];
    expect(new Set(ids).size).toBe(3);
    expect(await give(one, 'profile')).toBe(ids[1]);
    expect((await ofSession(of(one)))?.openid).toMatchObject({ scope: 'openid email profile' });
    expect((await ofSession(of(undefined)))?.openid).toMatchObject({ scope: 'openid' });
    expect(await find(String(ids[2]))).toMatchObject({ organizationId: two });
    expect(await find(String(ids[0]))).not.toHaveProperty('organizationId');
  });

  it('are one, also where two tabs give them at once', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => give(one, 'openid')));
    expect(new Set(ids).size).toBe(1);
  });

  it('are remembered as consent for their own organization alone', async () => {
    await give(one, 'openid email');
    const next = (id: string | undefined) =>
      ({ uid: newUid(), accountId: session.accountId, organization: id && { id } }) as never;
    expect((await ofSession(next(one)))?.openid).toMatchObject({ scope: 'openid email' });
    expect(await ofSession(next(two))).toBeUndefined();
    expect(await ofSession(next(undefined))).toBeUndefined();
  });

  it('are forgotten for their own organization alone, once they were taken back', async () => {
    const [mine, others, plain] = [
      await give(one, 'openid'),
      await give(two, 'openid'),
      await give(undefined, 'openid'),
    ];
    await house.inside(() => house.protocol.grants.endKnown(mine, 'revoked'));
    const next = (id: string | undefined) =>
      ({ uid: newUid(), accountId: session.accountId, organization: id && { id } }) as never;
    expect(await ofSession(next(one))).toBeUndefined();
    expect(await ofSession(next(two))).toBeDefined();
    expect(await ofSession(next(undefined))).toBeDefined();
    expect(await live(mine, others, plain)).toEqual([others, plain]);
  });

  it('last no longer than what was proved for them, and longer again once it was proved anew', async () => {
    const until = later(300);
    const id = await give(one, 'openid', of(one, until));
    expect((await find(id))?.exp).toBe(Math.floor(until.getTime() / 1000));
    const prolonged = later(600);
    expect(await ofSession(of(one, prolonged))).toMatchObject({ jti: id, exp: Math.floor(prolonged.getTime() / 1000) });
    expect((await find(id))?.exp).toBe(Math.floor(prolonged.getTime() / 1000));
    // A stricter policy shortens it.
    const shorter = later(60);
    await ofSession(of(one, shorter));
    expect((await find(id))?.exp).toBe(Math.floor(shorter.getTime() / 1000));
  });

  it('are found again after they have run out, where somebody has proved anew who they are', async () => {
    const id = await give(one, 'openid', of(one, later(60)));
    house.clock.forward(61);
    expect(await ofSession(of(one, later(300)))).toMatchObject({ jti: id, openid: { scope: 'openid' } });
    expect(Number((await find(id))?.exp)).toBeGreaterThan(house.nowSeconds());
  });

  it('end with the membership of one person: exactly theirs, exactly there, with what stands on them', async () => {
    const [mine, others, plain] = [
      await give(one, 'openid'),
      await give(two, 'openid'),
      await give(undefined, 'openid'),
    ];
    const child = await house.inside(() =>
      house.protocol.grants.giveApart(
        { accountId: session.accountId, clientId, origin: 'exchange', parent: mine },
        scope('openid'),
      ),
    );
    // What stands on a grant for an organization is for that organization.
    expect(child).toMatchObject({ organizationId: one });
    const friend = { uid: newUid(), accountId: (await house.newUser()).id, organization: { id: one } };
    const theirs = await give(one, 'openid', friend as never);
    await house.inside(() => house.protocol.grants.endOfOrganization(one, session.accountId));
    expect(await live(mine, others, plain, String(child?.jti), theirs)).toEqual([others, plain, theirs]);
    const ended = (await house.inside(() => house.eventsOf('grant.revoked'))).filter(({ grant_id }) =>
      [mine, child?.jti].includes(String(grant_id)),
    );
    expect(ended.map(({ reason }) => reason)).toEqual(['membership_ended', 'membership_ended']);
    // Nothing is remembered of it.
    expect(
      await ofSession({ uid: newUid(), accountId: session.accountId, organization: { id: one } } as never),
    ).toBeUndefined();
  });

  it('end with the organization: everybody, and nobody else', async () => {
    const friend = { uid: newUid(), accountId: (await house.newUser()).id, organization: { id: one } };
    const ids = [await give(one, 'openid'), await give(one, 'openid', friend as never), await give(two, 'openid')];
    await house.inside(() => house.protocol.grants.endOfOrganization(one));
    expect(await live(...ids)).toEqual([ids[2]]);
  });

  it('end in the transaction of the caller: where that fails they go on', async () => {
    const id = await give(one, 'openid');
    const failing = house.inside(() =>
      house.db.transaction(async () => {
        await house.protocol.grants.endOfOrganization(one, session.accountId);
        throw new Error('no');
      }),
    );
    await expect(failing).rejects.toThrow('no');
    expect(await live(id)).toEqual([id]);
  });

  it('end together where the person signs out of the client', async () => {
    const ids = [await give(undefined, 'openid'), await give(one, 'openid')];
    const elsewhere = await give(one, 'openid', {
      uid: newUid(),
      accountId: session.accountId,
      organization: { id: one },
    } as never);
    await house.inside(() => house.protocol.grants.end(new ProtocolRequest(), String(ids[0]), 'logout'));
    expect(await live(...ids, elsewhere)).toEqual([elsewhere]);
  });

  it('end alone for every other reason', async () => {
    const ids = [await give(undefined, 'openid'), await give(one, 'openid')];
    await house.inside(() => house.protocol.grants.end(new ProtocolRequest(), String(ids[0]), 'reuse'));
    expect(await live(...ids)).toEqual([ids[1]]);
  });

  it('are one application to the person', async () => {
    await give(undefined, 'openid');
    await give(one, 'openid email');
    const own = new OwnGrants(house.db, house.protocol.grants, house.clock);
    const [shown, ...more] = await house.inside(() => own.of(session.accountId));
    expect([shown?.clientId, more]).toEqual([clientId, []]);
    expect(shown?.consent.openid?.scope?.split(' ').sort()).toEqual(['email', 'openid']);
    await house.inside(() => own.revoke(session.accountId, clientId));
    expect(await ofSession(of(one))).toBeUndefined();
  });
});
