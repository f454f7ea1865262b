import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { until } from '../support/pair.js';
import { type Processes, startProcesses } from '../support/processes.js';

const wellKnown = '/.well-known/openid-configuration';

describe('a tenant ends in every process', () => {
  let house: Processes;
  beforeAll(async () => {
    house = await startProcesses(2);
  }, 180_000);
  afterAll(() => house?.close());

  const make = (slug: string): Promise<Tenant> => house.services.tenants.create({ slug, name: slug });
  const statusAt = async (index: number, slug: string) => (await house.ask(index, `/t/${slug}${wellKnown}`)).status;
  const rowsOf = async (table: string, { id }: Tenant): Promise<number> => {
    const [row] = (await house.services.db.manager.query(
      `SELECT count(*)::int AS n FROM ${table} WHERE tenant_id = $1`,
      [id],
    )) as [{ n: number }];
    return row.n;
  };

  it('is suspended and resumed within a second of it', async () => {
    const tenant = await make('paused');
    for (const index of [0, 1]) expect(await statusAt(index, 'paused')).toBe(200);
    await house.services.tenants.suspend(tenant);
    for (const index of [0, 1])
      await until('nobody is answered', async () => (await statusAt(index, 'paused')) === 404, 1_000);
    await house.services.tenants.resume(tenant);
    for (const index of [0, 1])
      await until('everybody is answered', async () => (await statusAt(index, 'paused')) === 200, 1_000);
  });

  it('is deleted to its end although the process that does it is killed in the middle (kill -9), and no row of another goes', async () => {
    const { db, tenants } = house.services;
    const [big, other] = [await make('big'), await make('other')];
    for (const { id } of [big, other])
      await db.manager.query(
        `INSERT INTO replays SELECT $1, 'r' || n, now() + interval '1 hour' FROM generate_series(1, 20000) n`,
        [id],
      );
    await db.manager.query(
      `INSERT INTO users (tenant_id, id, email, email_normalized, created_at, updated_at)
       SELECT $1, gen_random_uuid(), 'u' || n || '@x.example', 'u' || n || '@x.example', now(), now() FROM generate_series(1, 3000) n`,
      [big.id],
    );
    // Slow enough to be met in the middle, by a trigger that is the database's alone.
    await db.manager.query(`CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$`);
    await db.manager.query(
      'CREATE TRIGGER slowly AFTER DELETE ON replays FOR EACH STATEMENT EXECUTE FUNCTION slowly()',
    );
    const keys = await rowsOf('signing_keys', big);
    await tenants.delete(big);
    for (const index of [0, 1]) await until('refused', async () => (await statusAt(index, 'big')) === 404, 1_000);
    await until('some rows are gone', async () => (await rowsOf('replays', big)) < 20_000, 20_000);
    // Whichever of them does it: both die.
    const [first, second] = house.members.splice(0);
    for (const member of [first, second]) {
      const gone = new Promise((resolve) => member?.child.once('exit', resolve));
      member?.child.kill('SIGKILL');
      await gone;
    }
    const left = await rowsOf('replays', big);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(20_000);

    await house.spawn();
    await until(
      'the tenant is gone',
      async () => (await db.manager.query('SELECT 1 FROM tenants WHERE id = $1', [big.id])).length === 0,
      30_000,
    );
    for (const table of ['replays', 'users', 'signing_keys', 'audit_events']) expect(await rowsOf(table, big)).toBe(0);
    expect(await rowsOf('replays', other)).toBe(20_000);
    const [record] = (await db.manager.query(
      `SELECT data FROM audit_events WHERE name = 'tenant.deleted' AND data ->> 'tenant_id' = $1`,
      [big.id],
    )) as [{ data: { rows: Record<string, number> } }];
    // What was counted before the crash and what went after it.
    expect(record.data.rows).toMatchObject({ replays: 20_000, users: 3_000, signing_keys: keys });
    expect(keys).toBeGreaterThan(0);
    expect((await make('big')).id).not.toBe(big.id);
    expect(await statusAt(0, 'big')).toBe(200);
  }, 180_000);

  it('is removed once, however many do it at the same time, and nothing of a living one ever is', async () => {
    const { db, tenants, deletion } = house.services;
    const tenant = await make('crowded');
    await db.manager.query(
      `INSERT INTO denied_tokens SELECT $1, 'j' || n, now() + interval '1 hour' FROM generate_series(1, 5000) n`,
      [tenant.id],
    );
    await deletion.run({ tenantId: tenant.id });
    await deletion.run({ tenantId: randomUUID() });
    expect(await rowsOf('denied_tokens', tenant)).toBe(5_000);
    await tenants.delete(tenant);
    await Promise.all([1, 2, 3].map(() => deletion.run({ tenantId: tenant.id })));
    const records = (await db.manager.query(
      `SELECT data FROM audit_events WHERE name = 'tenant.deleted' AND data ->> 'tenant_id' = $1`,
      [tenant.id],
    )) as { data: { rows: Record<string, number> } }[];
    expect(records.map(({ data }) => data.rows.denied_tokens)).toEqual([5_000]);
  }, 180_000);
});
