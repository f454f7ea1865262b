import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { PERMANENT } from '../../src/features/credentials/lockout.js';
import { lockoutRules, MAX_IN_A_ROW } from '../../src/features/credentials/lockout-rules.js';
import { LockoutPolicy } from '../../src/features/tenants/tenant.schema.js';
import { ADMIN } from '../../src/features/users/user.entity.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

const MINUTE = 60;

describe.each(kinds)('lockout (%s)', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  beforeAll(async () => {
    house = await openHouse(kind, kind === 'postgres' ? 2 : 1);
  }, 180_000);
  afterAll(() => house.close());

  let count = 0;
  const someone = async (password = 'correct horse battery') => {
    count += 1;
    const user = await house.users.create({ email: `user${count}@example.com` });
    await house.passwords.set(user, password);
    return user;
  };
  const guess = async (email: string, times: number, password = 'wrong guess') => {
    const outcomes = [];
    for (let i = 0; i < times; i += 1) outcomes.push((await house.passwords.verify(email, password)).outcome);
    return outcomes;
  };

  it.each([
    ['fixed', [30, 30, 30]],
    ['exponential', [5, 15, 60, 60]],
  ] as const)('locks for as long as the strategy %s says, each time', (strategy, minutes) =>
    at(house.tenant, async () => {
      const policy = lockoutRules(LockoutPolicy.parse({ strategy }), 'password');
      for (const expected of minutes) {
        for (let i = 1; i < 5; i += 1)
          expect(await house.lockout.reserve(`s-${strategy}`, 'password', policy)).toEqual({ locks: undefined });
        const fifth = await house.lockout.reserve(`s-${strategy}`, 'password', policy);
        const until = 'locks' in fifth ? fifth.locks?.until.getTime() : undefined;
        const left = ((until ?? 0) - house.clock.now().getTime()) / 1000;
        expect(left).toBeGreaterThan(expected * MINUTE - 5);
        expect(left).toBeLessThanOrEqual(expected * MINUTE);
        // Attempts while locked answer the same end and do not put it off.
        house.clock.forward(MINUTE);
        expect(await house.lockout.reserve(`s-${strategy}`, 'password', policy)).toEqual({
          lockedUntil: new Date(until ?? 0),
        });
        house.clock.forward((expected - 1) * MINUTE + 1);
      }
    }),
  );

  it('locks for good with the strategy permanent, until somebody unlocks', () =>
    at(house.tenant, async () => {
      const policy = lockoutRules(LockoutPolicy.parse({ strategy: 'permanent' }), 'password');
      for (let i = 0; i < 5; i += 1) await house.lockout.reserve('s-permanent', 'password', policy);
      house.clock.forward(400 * 24 * 3600);
      expect(await house.lockout.reserve('s-permanent', 'password', policy)).toEqual({ lockedUntil: PERMANENT });
      expect(await house.lockout.clear('s-permanent', 'password')).toBe(true);
      expect(await house.lockout.reserve('s-permanent', 'password', policy)).toEqual({ locks: undefined });
    }));

  it.each(['second_factor', 'email_code'] as const)(
    'ends the factor %s after a hundred failures in a row, however slowly they come, until it is opened (NIST SP 800-63B-4 §3.2.2)',
    (factor) =>
      at(house.tenant, async () => {
        const rules = lockoutRules(LockoutPolicy.parse({}), factor);
        const key = [`s-row-${factor}`, factor] as const;
        const attempt = async () => {
          const reserved = await house.lockout.reserve(...key, rules);
          if ('lockedUntil' in reserved) throw new Error('it is locked');
          return reserved;
        };
        // One in two days locks nobody by itself; what was never looked at does not count.
        for (let i = 1; i < MAX_IN_A_ROW; i += 1) {
          await house.lockout.release(...key, await attempt());
          expect((await attempt()).locks).toBeUndefined();
          house.clock.forward(2 * 24 * 60 * MINUTE);
        }
        expect((await attempt()).locks?.until).toEqual(PERMANENT);
        house.clock.forward(400 * 24 * 60 * MINUTE);
        expect(await house.lockout.reserve(...key, rules)).toEqual({ lockedUntil: PERMANENT });
        expect(await house.lockout.reopen(...key, MAX_IN_A_ROW / 2)).toBe(true);
        expect((await attempt()).locks).toBeUndefined();
        // What ends by waiting is not ended by the mailbox.
        for (let i = 0; i < 4; i += 1) await attempt();
        expect(await house.lockout.reopen(...key, MAX_IN_A_ROW / 2)).toBe(false);
        await expect(attempt()).rejects.toThrow('locked');
        // Nor what is full again within a month: half as many were left.
        house.clock.forward(2 * 24 * 60 * MINUTE);
        for (let i = 6; i < MAX_IN_A_ROW / 2; i += 1) {
          expect((await attempt()).locks).toBeUndefined();
          if (i % 4 === 0) house.clock.forward(25 * 60 * MINUTE);
        }
        expect((await attempt()).locks?.until).toEqual(PERMANENT);
        expect(await house.lockout.reopen(...key, MAX_IN_A_ROW / 2)).toBe(false);
        house.clock.forward(30 * 24 * 60 * MINUTE);
        expect(await house.lockout.reopen(...key, MAX_IN_A_ROW / 2)).toBe(true);
      }),
  );

  it('a success forgets the failures in a row', () =>
    at(house.tenant, async () => {
      const rules = lockoutRules(LockoutPolicy.parse({}), 'second_factor');
      for (let i = 0; i < 2 * MAX_IN_A_ROW; i += 1) {
        expect(await house.lockout.reserve('s-success', 'second_factor', rules)).toEqual({ locks: undefined });
        if (i % 4 === 3) await house.lockout.clear('s-success', 'second_factor');
      }
    }));

  it('counts the password and the second factor apart', () =>
    at(house.tenant, async () => {
      const policy = lockoutRules(LockoutPolicy.parse({}), 'second_factor');
      for (let i = 0; i < 5; i += 1) await house.lockout.reserve('s-factors', 'second_factor', policy);
      expect(await house.lockout.reserve('s-factors', 'second_factor', policy)).toHaveProperty('lockedUntil');
      expect(await house.lockout.reserve('s-factors', 'password', policy)).toEqual({ locks: undefined });
    }));

  it('what was missed before a right password stays known until the sign-in is done, or another password is set', () =>
    at(house.tenant, async () => {
      const right = async (user: { email: string }, password = 'correct horse battery') =>
        house.passwords.verify(user.email, password);
      const [done, reset] = [await someone(), await someone()];
      for (const user of [done, reset]) {
        await guess(user.email, 2);
        expect(await right(user)).toMatchObject({ outcome: 'ok', failures: 2 });
        expect(await right(user)).toMatchObject({ outcome: 'ok', failures: 2 });
      }
      await house.passwords.settle(done);
      expect(await right(done)).toMatchObject({ failures: 0 });
      await house.passwords.set(reset, 'mountains are patient');
      expect(await right(reset, 'mountains are patient')).toMatchObject({ failures: 0 });
    }));

  it('forgets failures after a day', () =>
    at(house.tenant, async () => {
      const user = await someone();
      await guess(user.email, 4);
      house.clock.forward(25 * 3600);
      expect(await guess(user.email, 4)).toEqual(['failed', 'failed', 'failed', 'failed']);
      expect((await house.passwords.verify(user.email, 'correct horse battery')).outcome).toBe('ok');
    }));

  it('keeps what was missed before a right one for a day, until the sign-in is done', () =>
    at(house.tenant, async () => {
      const policy = lockoutRules(LockoutPolicy.parse({}), 'password');
      const missThenPass = async (times: number) => {
        for (let i = 0; i <= times; i += 1) await house.lockout.reserve('s-missed', 'password', policy);
        return house.lockout.passed('s-missed', 'password');
      };
      expect(await house.lockout.passed('s-missed', 'password')).toBe(0);
      expect([await missThenPass(3), await missThenPass(0), await missThenPass(2)]).toEqual([3, 3, 5]);
      expect((await house.lockout.state('s-missed', 'password')).failed_count).toBe(0);
      await house.lockout.settle('s-missed', 'password');
      expect([await missThenPass(0), await missThenPass(1)]).toEqual([0, 1]);
      house.clock.forward(25 * 3600);
      expect(await missThenPass(2)).toBe(2);
    }));

  it('of two right ones at once the second, too, is told what was missed before', () =>
    at(house.tenant, async () => {
      const policy = lockoutRules(LockoutPolicy.parse({}), 'password');
      for (let i = 0; i < 5; i += 1) await house.lockout.reserve('s-twice', 'password', policy);
      const [other = house] = house.others;
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      let second: Promise<number> | undefined;
      // Whoever comes second waits for the first, and has read before what was there then. The embedded database lets one go after the other.
      const first = await house.db.transaction(async () => {
        const missed = await house.lockout.passed('s-twice', 'password');
        if (other === house) return missed;
        second = other.lockout.passed('s-twice', 'password');
        while ((await other.db.manager.query(waiting)).length === 0);
        return missed;
      });
      second ??= other.lockout.passed('s-twice', 'password');
      expect([first, await second]).toEqual([4, 4]);
    }));

  it('refuses the right password after five wrong ones, and takes it when the lock has ended', () =>
    at(house.tenant, async () => {
      const user = await someone();
      expect(await guess(user.email, 5)).toEqual(Array(5).fill('failed'));
      expect(await house.passwords.verify(user.email, 'correct horse battery')).toHaveProperty('outcome', 'locked');
      house.clock.forward(5 * MINUTE + 1);
      expect((await house.passwords.verify(user.email, 'correct horse battery')).outcome).toBe('ok');
      expect(await guess(user.email, 4)).toEqual(Array(4).fill('failed'));
    }));

  it('takes the right password at the fifth attempt and leaves no lock behind', () =>
    at(house.tenant, async () => {
      const user = await someone();
      await guess(user.email, 4);
      expect((await house.passwords.verify(user.email, 'correct horse battery')).outcome).toBe('ok');
      expect((await house.passwords.verify(user.email, 'correct horse battery')).outcome).toBe('ok');
    }));

  it('lets 50 parallel guesses have exactly five verifications, in all processes together', () =>
    at(house.tenant, async () => {
      const user = await someone();
      const processes = [house, ...house.others];
      await Promise.all(processes.map((one) => one.passwords.verify('warm@example.com', 'up')));
      for (const one of processes) one.hasher.verifications = 0;
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          processes[i % processes.length]?.passwords.verify(user.email, `guess ${i}`),
        ),
      );
      expect(processes.reduce((sum, one) => sum + one.hasher.verifications, 0)).toBe(5);
      expect(outcomes.filter((one) => one?.outcome === 'failed')).toHaveLength(5);
      expect(outcomes.filter((one) => one?.outcome === 'locked')).toHaveLength(45);
      expect((await house.eventsOf('account.locked')).filter(({ user_id }) => user_id === user.id)).toHaveLength(1);
    }));

  it('answers for an unknown identifier as for a known one: outcomes, hashes, locks', () =>
    at(house.tenant, async () => {
      const user = await someone();
      const trace = async (email: string) => {
        house.hasher.verifications = 0;
        house.locks.length = 0;
        const outcomes = await guess(email, 7);
        return { outcomes, hashes: house.hasher.verifications, locks: house.locks.length };
      };
      const known = await trace(user.email);
      expect(await trace('nobody@example.com')).toEqual(known);
      expect(await trace('not an\u202eidentifier')).toEqual(known);
      expect(known).toEqual({ outcomes: [...Array(5).fill('failed'), 'locked', 'locked'], hashes: 5, locks: 1 });
    }));

  it('costs an account that has a role no more statements than others, at any try that locks neither', () =>
    at(house.tenant, async () => {
      const [plain, privileged] = [await someone(), await someone()];
      await house.users.setRoles(privileged, [ADMIN]);
      const trace = async (email: string) => {
        const seen: string[][] = [];
        const executing = jest.spyOn(house.db, 'execute');
        for (let tries = 1; tries <= 6; tries += 1) {
          executing.mockClear();
          await guess(email, 1);
          seen.push(executing.mock.calls.map(([{ name }]) => name));
        }
        house.clock.forward(6 * MINUTE);
        executing.mockClear();
        expect(await guess(email, 1, 'correct horse battery')).toEqual(['ok']);
        seen.push(executing.mock.calls.map(([{ name }]) => name));
        executing.mockRestore();
        // The third locks the one, the fifth the other.
        return seen.filter((_, index) => index !== 2 && index !== 4);
      };
      expect(await trace(privileged.email)).toEqual(await trace(plain.email));
    }));

  it('counts every spelling of an identifier as the same', () =>
    at(house.tenant, async () => {
      const user = await someone();
      for (const spelling of [user.email, user.email.toUpperCase(), ` ${user.email}`, user.email.replace('u', 'ｕ')])
        await guess(spelling, 1);
      expect(await guess(user.email, 2)).toEqual(['failed', 'locked']);
    }));

  it('fails a disabled user and one without a password after the same work', () =>
    at(house.tenant, async () => {
      const user = await someone();
      await house.users.disable(user);
      const bare = await house.users.create({ email: 'bare@example.com' });
      house.hasher.verifications = 0;
      expect(await house.passwords.verify(user.email, 'correct horse battery')).toEqual({ outcome: 'failed' });
      expect(await house.passwords.verify(bare.email, 'correct horse battery')).toEqual({ outcome: 'failed' });
      expect(house.hasher.verifications).toBe(2);
      const reasons = (await house.eventsOf('sign_in.failed')).slice(-2).map(({ reason }) => reason);
      expect(reasons).toEqual(['disabled', 'no_password']);
    }));

  it('does not count an attempt for which there was no room to hash', () =>
    at(house.tenant, async () => {
      const user = await someone();
      house.hasher.full = true;
      for (let i = 0; i < 10; i += 1) await expect(guess(user.email, 1)).rejects.toThrow('no room');
      house.hasher.full = false;
      const verify = house.hasher.verify;
      house.hasher.verify = async () => {
        throw new Error('the queue is full');
      };
      for (let i = 0; i < 10; i += 1) await expect(guess(user.email, 1)).rejects.toThrow('the queue is full');
      house.hasher.verify = verify;
      expect((await house.passwords.verify(user.email, 'correct horse battery')).outcome).toBe('ok');
    }));

  it('renews a hash with older parameters at the next sign-in', () =>
    at(house.tenant, async () => {
      const user = await someone();
      await house.db.dataSource.query(`UPDATE password_credentials SET hash = 'old:secret words' WHERE user_id = $1`, [
        user.id,
      ]);
      expect((await house.passwords.verify(user.email, 'secret words')).outcome).toBe('ok');
      const rows = await house.db.dataSource.query('SELECT hash FROM password_credentials WHERE user_id = $1', [
        user.id,
      ]);
      expect(rows).toEqual([{ hash: 'plain:secret words' }]);
    }));

  it('keeps the counts of one tenant from another', async () => {
    const other = await house.tenants.create({ slug: `other-${kind}`, name: 'Other' });
    const user = await at(house.tenant, () => someone());
    await at(house.tenant, () => guess(user.email, 6));
    expect(await at(other, () => guess(user.email, 1))).toEqual(['failed']);
    expect(await at(house.tenant, () => guess(user.email, 1))).toEqual(['locked']);
  });
});
