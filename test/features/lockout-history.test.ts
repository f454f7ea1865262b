import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sendLockNotice } from '../../src/features/credentials/lock-notice.js';
import type { LockNotice } from '../../src/features/credentials/lockout-history.js';
import { LockoutRecord } from '../../src/features/credentials/lockout-record.entity.js';
import { ADMIN } from '../../src/features/users/user.entity.js';
import { withContext } from '../../src/platform/context.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

const password = 'correct horse battery';
const MINUTE = 60;

describe.each(kinds)('what is known of locks (%s)', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  beforeAll(async () => {
    house = await openHouse(kind, kind === 'postgres' ? 2 : 1);
  }, 180_000);
  afterAll(() => house.close());

  let count = 0;
  const someone = async (roles: string[] = []) => {
    count += 1;
    const user = await house.users.create({ email: `h${count}@example.com` }, roles);
    await house.passwords.set(user, password);
    return user;
  };
  const guess = async (email: string, times: number) => {
    const outcomes = [];
    for (let i = 0; i < times; i += 1) outcomes.push((await house.passwords.verify(email, 'wrong')).outcome);
    return outcomes;
  };
  const recordsOf = (userId: string) =>
    house.db.repo(LockoutRecord).find({ where: { userId }, order: { lockedAt: 'ASC' } });

  it('every lock is written down with its cause, factor, address and end', () =>
    withContext({ tenantId: house.tenant.id, requestId: 'test', ip: '203.0.113.9' }, async () => {
      const user = await someone();
      await guess(user.email, 7);
      const [record, ...more] = await recordsOf(user.id);
      expect(more).toEqual([]);
      expect(record).toMatchObject({
        factor: 'password',
        cause: 'wrong_password',
        ip: '203.0.113.9',
        unlockedAt: null,
      });
      expect((await house.passwords.failures(user.email)).locked_until).toEqual(record?.lockedUntil);
    }));

  it('the third lock within a day raises an alert and another letter, the first of the next day does not', () =>
    at(house.tenant, async () => {
      const user = await someone();
      house.locks.length = 0;
      for (const minutes of [5, 15, 60]) {
        await guess(user.email, 5);
        house.clock.forward(minutes * MINUTE + 1);
      }
      expect((house.locks as LockNotice[]).map(({ repeated }) => repeated)).toEqual([false, false, true]);
      const alerts = (await house.eventsOf('account.locked_repeatedly')).filter(({ user_id }) => user_id === user.id);
      expect(alerts).toMatchObject([{ count: 3, factor: 'password' }]);
      house.sent.length = 0;
      const letters: string[] = [];
      const mail = { send: async (template: string) => void letters.push(template) };
      for (const lock of house.locks as LockNotice[]) await sendLockNotice(lock, house.users, mail as never);
      expect(letters).toEqual(['account_locked', 'account_locked', 'repeated_lockouts']);
      house.clock.forward(25 * 60 * MINUTE);
      await guess(user.email, 5);
      expect((house.locks as LockNotice[]).at(-1)).toMatchObject({ repeated: false, lockout_count: 1 });
    }));

  it('says who ended a lock before its time', () =>
    at(house.tenant, async () => {
      const [opened, renewed] = [await someone(), await someone()];
      for (const { email } of [opened, renewed]) await guess(email, 5);
      const actor = { type: 'client', id: 'console' } as const;
      await withContext({ actor }, () => house.passwords.unlock(opened));
      await house.passwords.set(renewed, 'another pass phrase 9');
      expect((await recordsOf(opened.id))[0]).toMatchObject({ unlockedBy: 'client:console' });
      expect((await recordsOf(renewed.id))[0]).toMatchObject({ unlockedBy: 'owner' });
      expect((await house.passwords.failures(opened.email)).failed_count).toBe(0);
      expect((await house.passwords.verify(opened.email, password)).outcome).toBe('ok');
    }));

  it('locks whoever has a role earlier, and answers as for anybody until anybody would be locked', () =>
    at(house.tenant, async () => {
      const [admin, user] = [await someone([ADMIN]), await someone()];
      house.hasher.verifications = 0;
      const outcomes = await guess(admin.email, 7);
      expect(outcomes).toEqual(await guess(user.email, 7));
      expect(house.hasher.verifications).toBe(10);
      const events = await house.eventsOf('sign_in.failed');
      const reasons = events.filter(({ user_id }) => user_id === admin.id).map(({ reason }) => reason);
      expect(reasons).toEqual([...Array(3).fill('wrong_password'), ...Array(4).fill('locked')]);
      // The right password does not open it, and is not told from a wrong one.
      const other = await someone([ADMIN]);
      await guess(other.email, 3);
      expect(await house.passwords.verify(other.email, password)).toEqual({ outcome: 'failed' });
    }));

  it.each([
    ['one after the other', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['a minute apart', [60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60]],
    ['with a pause after the third, by which its own lock has ended', [0, 0, 301, 0, 0, 0, 0, 0]],
    ['with a pause after the fourth', [0, 0, 0, 301, 0, 0, 0, 0]],
    ['an hour apart', [3600, 3600, 3600, 3600, 3600, 3600, 3600]],
  ])('is not told by its locks as one that has a role: tries %s', (_name, pauses) =>
    at(house.tenant, async () => {
      const [admin, user] = [await someone([ADMIN]), await someone()];
      const seen: Record<string, unknown[]> = { [admin.email]: [], [user.email]: [] };
      const learn = async (email: string) => {
        const answer = await house.passwords.verify(email, 'wrong');
        const { failed_count, lockout_count } = await house.passwords.failures(email);
        // The clock of the house runs on by itself between the two.
        const left = 'until' in answer ? Math.round((Number(answer.until) - Number(house.clock.now())) / 10_000) : 0;
        return { outcome: answer.outcome, left, failed_count, lockout_count };
      };
      for (const pause of pauses) {
        for (const { email } of [admin, user]) seen[email]?.push(await learn(email));
        house.clock.forward(pause);
      }
      expect(seen[admin.email]).toEqual(seen[user.email]);
    }),
  );

  // One after the other where there is one session: there a tenth shows it, unless it is all there is.
  const total = kind === kinds.at(-1) ? 10_000 : 1_000;
  it(
    `gives ${total} guesses, from as many addresses and through all services at once, five tries`,
    () =>
      at(house.tenant, async () => {
        const user = await someone();
        const processes = [house, ...house.others];
        await Promise.all(processes.map((one) => one.passwords.verify('warm@example.com', 'up')));
        for (const one of processes) one.hasher.verifications = 0;
        const tally: Record<string, number> = {};
        const batch = 200;
        for (let begun = 0; begun < total; begun += batch)
          await Promise.all(
            Array.from({ length: batch }, (_, i) => {
              const n = begun + i;
              const ip = `10.${n % 250}.${Math.floor(n / 250)}.${n % 7}`;
              return withContext({ ip, requestId: `r${n}` }, async () => {
                const answer = await processes[n % processes.length]?.passwords.verify(user.email, `guess ${n}`);
                tally[answer?.outcome ?? ''] = (tally[answer?.outcome ?? ''] ?? 0) + 1;
              });
            }),
          );
        expect(tally).toEqual({ failed: 5, locked: total - 5 });
        expect(processes.reduce((sum, one) => sum + one.hasher.verifications, 0)).toBe(5);
        expect(await recordsOf(user.id)).toHaveLength(1);
      }),
    300_000,
  );
});
