// Work that is stopped at the row of the person it is about, as it is behind whoever else ends something of them.
// On a server only: the embedded database has one session.
import type { QueryRunner } from 'typeorm';
import { until } from './pair.js';
import type { TestServer } from './server.js';

/**
 * @param work waits for the row of somebody. @param meanwhile what is done by whoever has it, and commits before the work goes on.
 * @returns what came of both.
 */
export const behindPerson = <T, M>(
  server: TestServer,
  work: () => Promise<T>,
  meanwhile: (runner: QueryRunner) => Promise<M>,
): Promise<[T, M]> => behindRows(server, 'users', work, meanwhile);

/** The same for other rows. @param held the table, and which of its rows. */
export async function behindRows<T, M>(
  { services: { db } }: TestServer,
  held: string,
  work: () => Promise<T>,
  meanwhile: (runner: QueryRunner) => Promise<M>,
): Promise<[T, M]> {
  const runner = db.dataSource.createQueryRunner();
  await runner.connect();
  try {
    await runner.startTransaction();
    await runner.query(`SELECT 1 FROM ${held} FOR UPDATE`);
    const begun = work();
    begun.catch(() => {});
    await until('it waits for the row', async () => {
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      return (await db.manager.query(waiting)).length > 0;
    });
    const done = await meanwhile(runner);
    await runner.commitTransaction();
    return [await begun, done];
  } finally {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    await runner.release();
  }
}

/** What several ways of ending something of an account write to. */
const tables = [
  ...['one_time_tokens', 'password_credentials', 'totp_credentials', 'recovery_codes', 'passkeys', 'devices'],
  ...['known_networks', 'sessions', 'grants', 'login_failures', 'factor_recoveries', 'registrations'],
];

/** @returns the tables in which the work holds a row while it waits for the row of a person; it has been done by then. */
export async function heldBeforePerson(server: TestServer, work: () => Promise<unknown>): Promise<string[]> {
  const [, held] = await behindPerson(server, work, async (runner) => {
    const found: string[] = [];
    for (const table of tables) {
      await runner.query('SAVEPOINT look');
      await runner.query(`SELECT 1 FROM ${table} FOR UPDATE NOWAIT`).catch(({ code }) => {
        if (code !== '55P03') throw new Error(`${table}: ${code}`);
        found.push(table);
      });
      await runner.query('ROLLBACK TO SAVEPOINT look');
    }
    return found;
  });
  return held;
}
