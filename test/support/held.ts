// In which order rows are locked: somebody's work is stopped at the row of the person, and one looks what it holds by then.
import { until } from './pair.js';
import type { TestServer } from './server.js';

/** What several ways of ending something of an account write to. */
const tables = [
  ...['one_time_tokens', 'password_credentials', 'totp_credentials', 'recovery_codes', 'passkeys', 'devices'],
  ...['known_networks', 'sessions', 'grants', 'login_failures', 'factor_recoveries', 'registrations'],
];

/**
 * On a server only: the embedded database has one session.
 * @returns the tables in which the work holds a row while it waits for the row of a person; it has been done by then.
 */
export async function heldBeforePerson(server: TestServer, work: () => Promise<unknown>): Promise<string[]> {
  const { dataSource, manager } = server.services.db;
  const runner = dataSource.createQueryRunner();
  await runner.connect();
  const held: string[] = [];
  try {
    await runner.startTransaction();
    await runner.query('SELECT 1 FROM users FOR UPDATE');
    const done = work();
    done.catch(() => {});
    await until('it waits for the row', async () => {
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      return (await manager.query(waiting)).length > 0;
    });
    for (const table of tables) {
      await runner.query('SAVEPOINT look');
      await runner.query(`SELECT 1 FROM ${table} FOR UPDATE NOWAIT`).catch(({ code }) => {
        if (code !== '55P03') throw new Error(`${table}: ${code}`);
        held.push(table);
      });
      await runner.query('ROLLBACK TO SAVEPOINT look');
    }
    await runner.rollbackTransaction();
    await done;
    return held;
  } finally {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    await runner.release();
  }
}
