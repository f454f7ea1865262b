import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AbandonedRegistrations } from '../../src/features/accounts/abandoned-registrations.js';
import type { User } from '../../src/features/users/user.entity.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

const daySeconds = 24 * 3600;
const generous = {
  lettersToAddress: { points: 1000, seconds: 3600 },
  lettersToAddressInAll: { points: 1000, seconds: 3600 },
  lettersFromClient: { points: 10_000, seconds: 3600 },
};

describe.each(kinds)('an account that somebody made and nobody came back to (GDPR Article 5(1)(e)), on %s', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  let abandoned: AbandonedRegistrations;

  beforeAll(async () => {
    house = await openHouse(kind, 1, generous);
    abandoned = new AbandonedRegistrations(house.db, house.users, house.clock);
    await inside(async () => {
      const settings = { authentication: { registration: 'open' } };
      await house.tenants.update(await house.tenants.current(), { settings } as never);
    });
  }, 180_000);
  afterAll(() => house?.close());

  const inside = <T>(work: () => Promise<T>) => at(house.tenant, work);
  const register = async (email = `new-${randomBytes(4).toString('hex')}@example.com`): Promise<User> =>
    inside(async () => {
      await house.registration.register({ email, password: 'quiet river stone', flow: 'flow' });
      return (await house.users.findByEmail(email)) as User;
    });
  const isThere = (user: User) => inside(async () => (await house.users.findByEmail(user.email)) !== undefined);

  it('goes after 30 days and not before, everything with it, and the address is free again', async () => {
    const user = await register();
    house.clock.forward(30 * daySeconds - 60);
    expect([await abandoned.end(), await isThere(user)]).toEqual([0, true]);
    house.clock.forward(120);
    expect([await abandoned.end(), await isThere(user)]).toEqual([1, false]);
    expect(await abandoned.end()).toBe(0);
    expect(house.ended).toContain(user.id);
    expect(await inside(() => house.eventsOf('user.deleted'))).toContainEqual({ user_id: user.id });
    expect(await house.db.manager.query('SELECT 1 FROM registrations')).toEqual([]);
    await register(user.email);
  });

  const reasons: Record<string, (user: User) => Promise<unknown>> = {
    'its address was proved': (user) =>
      house.links.issue(user).then((link) => house.links.redeem(link.slice(-43), 'another river stone')),
    'somebody signed in': (user) => house.users.signedIn(user, { amr: ['pwd'] }),
    'an administrator said that it is proved': (user) => house.users.update(user, { email_verified: true }),
    'an administrator disabled it': (user) => house.users.disable(user),
    'an administrator gave it a role': (user) => house.users.setRoles(user, ['SUPPORT']),
    'its owner has asked for its end themselves': (user) => house.users.close(user, new Date('2100-01-01T00:00:00Z')),
  };
  it.each(Object.keys(reasons))('stays where %s', async (reason) => {
    const user = await register();
    await inside(() => reasons[reason]?.(user) as Promise<unknown>);
    house.clock.forward(31 * daySeconds);
    await abandoned.end();
    expect(await isThere(user)).toBe(true);
  });

  it('that was used goes where nobody has used it for a year, its address still unproved', async () => {
    const user = await register();
    await inside(() => house.users.signedIn(user, { amr: ['pwd'] }));
    house.clock.forward(364 * daySeconds);
    await abandoned.end();
    expect(await isThere(user)).toBe(true);
    house.clock.forward(2 * daySeconds);
    await abandoned.end();
    expect(await isThere(user)).toBe(false);
  });

  const keep = (days: number | null) =>
    inside(async () => {
      const settings = { accounts: days === null ? null : { unproved_unused_days: days } };
      await house.tenants.update(await house.tenants.current(), { settings } as never);
    });

  it('that was used goes after as long as the tenant says, or never; that was not, all the same', async () => {
    const [used, unused] = [await register(), await register()];
    await inside(() => house.users.signedIn(used, { amr: ['pwd'] }));
    await keep(0);
    house.clock.forward(400 * daySeconds);
    await abandoned.end();
    expect([await isThere(used), await isThere(unused)]).toEqual([true, false]);
    await inside(() => house.users.signedIn(used, { amr: ['pwd'] }));
    await keep(60);
    house.clock.forward(59 * daySeconds);
    await abandoned.end();
    expect(await isThere(used)).toBe(true);
    house.clock.forward(2 * daySeconds);
    await abandoned.end();
    expect(await isThere(used)).toBe(false);
    await keep(null);
  });

  it.each([
    [
      'somebody is signed in to it',
      `INSERT INTO sessions (tenant_id, uid, account_id, payload, created_at, updated_at, expires_at) VALUES ($1, 's' || $2::text, $2::uuid, '{}', $3, $3, $3)`,
    ],
    [
      'an application is',
      `INSERT INTO engine_rows (tenant_id, handle_hash, kind, account_id, expires_at) VALUES ($1, $2::text::bytea, 'RefreshToken', $2::uuid, $3)`,
    ],
  ])('that was used stays as long as %s', async (_what, row) => {
    const user = await register();
    await inside(() => house.users.signedIn(user, { amr: ['pwd'] }));
    const until = new Date(house.clock.now().getTime() + 400 * daySeconds * 1000);
    await house.db.manager.query(row, [house.tenant.id, user.id, until]);
    house.clock.forward(399 * daySeconds);
    await abandoned.end();
    expect(await isThere(user)).toBe(true);
    house.clock.forward(2 * daySeconds);
    await abandoned.end();
    expect(await isThere(user)).toBe(false);
  });

  it('stays where an administrator made it', async () => {
    const user = await inside(() => house.users.create({ email: 'made@example.com' }));
    house.clock.forward(400 * daySeconds);
    await abandoned.end();
    expect(await isThere(user)).toBe(true);
  });

  it('goes in batches, once, whoever does it, and waits where its tenant is suspended', async () => {
    for (let i = 0; i < 3; i += 1) await register();
    house.clock.forward(31 * daySeconds);
    expect(await abandoned.end(AbortSignal.abort())).toBe(0);
    await house.db.manager.query('UPDATE tenants SET suspended_at = now()');
    expect(await abandoned.end()).toBe(0);
    await house.db.manager.query('UPDATE tenants SET suspended_at = NULL');
    const gone = await Promise.all([abandoned.end(), abandoned.end()]);
    expect(gone.reduce((sum, one) => sum + one)).toBe(3);
  });

  it('of more than one batch, all go', async () => {
    await house.db.manager.query(
      `WITH made AS (
         INSERT INTO users (tenant_id, id, email, email_normalized, created_at, updated_at)
         SELECT $1, gen_random_uuid(), n || '@many.example', n || '@many.example', now(), now() FROM generate_series(1, 230) n RETURNING id)
       INSERT INTO registrations (tenant_id, user_id, flow_hash, created_at) SELECT $1, id, 'x', now() FROM made`,
      [house.tenant.id],
    );
    house.clock.forward(31 * daySeconds);
    expect(await abandoned.end()).toBe(230);
  }, 180_000);
});
