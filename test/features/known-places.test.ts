import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Devices } from '../../src/features/devices/device.service.js';
import { KnownPlaces } from '../../src/features/risk/known-places.js';
import type { User } from '../../src/features/users/user.entity.js';
import { withContext } from '../../src/platform/context.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

const daySeconds = 24 * 3600;

describe.each(kinds)('where an account is at home, on %s', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  let devices: Devices;
  let places: KnownPlaces;
  let user: User;
  let count = 0;

  beforeAll(async () => {
    house = await openHouse(kind);
    devices = new Devices(house.db, house.audit, house.clock);
    places = new KnownPlaces(house.db, devices, house.clock);
  }, 180_000);
  afterAll(() => house?.close());
  beforeEach(async () => {
    user = await inside(() => house.users.create({ email: `home-${++count}@example.com` }));
  });

  const inside = <T>(work: () => Promise<T>) => at(house.tenant, work);
  const from = <T>(ip: string, work: () => Promise<T>) =>
    withContext({ tenantId: house.tenant.id, requestId: 'test', ip }, work);
  const signIn = async (ip: string, held: string[] = []) =>
    from(ip, async () => {
      const made = await places.remember(user, held);
      await house.users.signedIn(user, { amr: ['pwd'] });
      return made ? [made] : held;
    });
  const look = (ip: string, held: string[] = []) => from(ip, () => places.look(user, held));
  const weekAgo = () => new Date(house.clock.now().getTime() - 7 * daySeconds * 1000);

  it('is nowhere before the first sign-in, which is like no other', async () => {
    expect(await look('198.51.100.7')).toEqual({ device: 'first', network: 'first' });
    const held = await signIn('198.51.100.7');
    expect(await look('198.51.100.9', held)).toEqual({ device: 'known', network: 'known' });
    expect(await look('203.0.113.5')).toEqual({ device: 'new', network: 'new' });
  });

  it('is no longer where somebody else was, after the owner has shut them out: the older places stay', async () => {
    const own = await signIn('198.51.100.7');
    house.clock.forward(8 * daySeconds);
    const theirs = await signIn('203.0.113.5');
    await signIn('198.51.100.7', own);
    await inside(() => places.forgetSince(user, weekAgo()));
    expect(await look('203.0.113.5', theirs)).toEqual({ device: 'new', network: 'new' });
    expect(await look('198.51.100.7', own)).toEqual({ device: 'known', network: 'known' });
  });

  it('takes no sign-in for the first one after that, where nothing is left', async () => {
    const theirs = await signIn('203.0.113.5');
    await inside(() => places.forgetSince(user, weekAgo()));
    expect(await look('203.0.113.5', theirs)).toEqual({ device: 'new', network: 'new' });
  });

  it('is nowhere again where somebody loses an account that was not theirs', async () => {
    const theirs = await signIn('203.0.113.5');
    await inside(() => places.forget(user));
    expect(await look('203.0.113.5', theirs)).toEqual({ device: 'first', network: 'first' });
  });

  it('records a browser that is remembered no more', async () => {
    await inside(() => devices.trust(user, [], 30));
    await inside(() => places.forgetSince(user, weekAgo()));
    const events = await inside(() => house.eventsOf('device.forgotten'));
    expect(events).toContainEqual(expect.objectContaining({ user_id: user.id, reason: 'lockdown' }));
  });

  it('is in a hundred browsers at most: the newest stay, and those in which it is remembered', async () => {
    const remembered = await inside(() => devices.trust(user, [], 365));
    const oldest = await signIn('198.51.100.7');
    house.clock.forward(60);
    const next = await signIn('198.51.100.7');
    house.clock.forward(60);
    for (let i = 0; i < 98; i += 1) await signIn('198.51.100.7');
    const [row] = await house.db.manager.query('SELECT count(*)::int AS count FROM devices WHERE user_id = $1', [
      user.id,
    ]);
    expect(row.count).toBe(100);
    expect((await look('198.51.100.7', oldest)).device).toBe('new');
    expect((await look('198.51.100.7', next)).device).toBe('known');
    expect(await inside(() => devices.isTrusted(user.id, [remembered]))).toBe(true);
  });
});
