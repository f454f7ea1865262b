import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Erasure } from '../../src/features/accounts/erasure.js';
import { denialSubject, nobodySubject } from '../../src/features/users/subjects.js';
import type { User } from '../../src/features/users/user.entity.js';
import { kinds } from '../support/postgres.js';
import { at, openHouse } from './house.js';

describe.each(kinds)('what is left of a person who is gone (GDPR Article 17), on %s', (kind) => {
  let house: Awaited<ReturnType<typeof openHouse>>;
  let erasure: Erasure;
  let count = 0;

  beforeAll(async () => {
    house = await openHouse(kind);
    erasure = new Erasure(house.db, house.tenants, house.clock, 10);
  }, 180_000);
  afterAll(() => house?.close());

  const inside = <T>(work: () => Promise<T>) => at(house.tenant, work);
  const query = (sql: string, values: unknown[] = []) => house.db.manager.query(sql, values);
  const person = () => inside(() => house.users.create({ email: `gone-${++count}@example.com`, email_verified: true }));
  const erase = (user: User) => inside(() => house.db.transaction(() => erasure.erase(user)));

  /** Events of a person, or by them, each with an address and a browser. */
  const plant = (events: number, data: object, actor: { type: string; id: string } | undefined) =>
    query(
      `INSERT INTO audit_events (tenant_id, id, name, data, actor_type, actor_id, ip, user_agent, occurred_at)
       SELECT $1, gen_random_uuid(), 'sign_in.failed', $2, $3, $4, '198.51.100.7', 'Firefox', now() FROM generate_series(1, ${events})`,
      [house.tenant.id, data, actor?.type ?? null, actor?.id ?? null],
    );
  const told = async ({ id }: User) =>
    (
      await query(
        `SELECT count(*)::int AS count FROM audit_events WHERE (data ->> 'user_id' = $1 OR actor_id = $1)
            AND (ip IS NOT NULL OR user_agent IS NOT NULL OR data ? 'subject_hash')`,
        [id],
      )
    )[0].count;
  const waiting = async () =>
    (await query('SELECT user_id FROM erasures')).map((row: { user_id: string }) => row.user_id);

  it('is nothing at once where the record is short', async () => {
    const user = await person();
    await plant(4, { user_id: user.id, subject_hash: 'x' }, undefined);
    await plant(4, {}, { type: 'user', id: user.id });
    await erase(user);
    expect(await told(user)).toBe(0);
    house.clock.forward(61);
    expect([await erasure.finish(), await waiting()]).toEqual([1, []]);
  });

  it('is nothing of what a request under way has recorded of them afterwards', async () => {
    const user = await person();
    await erase(user);
    house.clock.forward(30);
    expect(await erasure.finish()).toBe(0);
    await plant(2, { user_id: user.id, subject_hash: 'x' }, undefined);
    await plant(1, {}, { type: 'user', id: user.id });
    house.clock.forward(31);
    expect(await erasure.finish()).toBe(1);
    expect([await told(user), await waiting()]).toEqual([0, []]);
  });

  it('does not wait for somebody else of whom nothing can be emptied', async () => {
    const [stuck, user] = [await person(), await person()];
    for (const one of [stuck, user]) {
      await erase(one);
      await plant(1, { user_id: one.id, subject_hash: 'x' }, undefined);
      house.clock.forward(1);
    }
    house.clock.forward(61);
    const { execute } = house.db;
    const failing = jest.spyOn(house.db, 'execute').mockImplementation((statement, values) => {
      if (values.includes(stuck.id)) throw new Error('this one cannot');
      return execute.call(house.db, statement, values) as never;
    });
    await expect(erasure.finish()).rejects.toThrow('this one cannot');
    expect([await told(stuck), await told(user), await waiting()]).toEqual([1, 0, [stuck.id]]);
    failing.mockRestore();
    expect([await erasure.finish(), await waiting()]).toEqual([1, []]);
  });

  it('takes as long as they have tokens, however many the tenant has', async () => {
    await query(
      `INSERT INTO one_time_tokens (tenant_id, purpose, token_hash, subject, created_at, expires_at)
       SELECT $1, 'lockdown', 'x' || n, CASE WHEN n % 2 = 0 THEN 'nobody:' || n ELSE gen_random_uuid() || ':x' END, now(), now()
         FROM generate_series(1, 5000) n`,
      [house.tenant.id],
    );
    await query('ANALYZE one_time_tokens');
    const said = jest.spyOn(house.db, 'execute');
    await erase(await person());
    const calls = said.mock.calls.filter(([{ text }]) => /DELETE FROM one_time_tokens/.test(text));
    said.mockRestore();
    expect(calls.length).toBeGreaterThan(0);
    for (const [{ text }, values] of calls) {
      const plan = (await query(`EXPLAIN ${text}`, values)).map((row: object) => Object.values(row)[0]).join('\n');
      expect(plan).toMatch(/Index Cond: .*split_part/);
      expect(plan).not.toContain('Seq Scan');
    }
    await query('DELETE FROM one_time_tokens');
    house.clock.forward(61);
    await erasure.finish();
  });

  it('is emptied in batches where the record is long: one in the transaction in which they go, the others by a job', async () => {
    const user = await person();
    // With that of its making.
    await plant(34, { user_id: user.id, subject_hash: 'x' }, undefined);
    await plant(25, {}, { type: 'user', id: user.id });
    await erase(user);
    expect([await told(user), await waiting()]).toEqual([40, [user.id]]);

    house.clock.forward(61);
    expect(await erasure.finish(AbortSignal.abort())).toBe(0);
    expect(await waiting()).toEqual([user.id]);

    const other = await person();
    await plant(3, { user_id: other.id, subject_hash: 'x' }, undefined);
    expect(await erasure.finish()).toBe(1);
    expect([await told(user), await waiting(), await told(other)]).toEqual([0, [], 3]);
    expect(await erasure.finish()).toBe(0);
  });

  it('keeps the address of whoever acted, where that was somebody else', async () => {
    const user = await person();
    await plant(15, { user_id: user.id }, { type: 'client', id: 'console' });
    await erase(user);
    house.clock.forward(61);
    await erasure.finish();
    expect([await told(user), await waiting()]).toEqual([15, []]);
  });

  it('is no count and no link, under whichever name it lay', async () => {
    const user = await person();
    await inside(async () => {
      const { identifierKey } = house.tenants.secrets(house.tenant);
      await house.passwords.verify(user.email, 'wrong');
      await house.lockout.noteDenial(denialSubject(identifierKey, user.id));
      await house.links.issue(user);
      await house.oneTimeTokens.issue('email_change_undo', `${user.id}:x`, {
        data: { from: user.email, to: user.email, at: '' },
      });
      await house.forgotten.request(`nobody-${user.email}`);
      // Sent to the address before it had an account, in a sign-in of its own.
      const before = nobodySubject(identifierKey, user.emailNormalized);
      const data = { email: user.emailNormalized };
      await house.oneTimeTokens.issue('password_reset', before, { data });
      await house.oneTimeTokens.issue('magic_link', `${before}:flow`, { data, flow: 'flow' });
    });
    await erase(user);
    expect(await query('SELECT factor FROM login_failures')).toEqual([]);
    expect(await query('SELECT purpose FROM one_time_tokens WHERE subject LIKE $1', [`${user.id}%`])).toEqual([]);
    expect(await query(`SELECT purpose FROM one_time_tokens WHERE subject LIKE 'nobody:%'`)).toHaveLength(1);
  });
});
