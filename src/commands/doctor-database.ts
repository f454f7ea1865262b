// The checks that need the database: whether it answers, is of this version, tells our time; its keys are looked at in doctor-keys.ts.
import { LockHeldError } from '../platform/lock-file.js';
import { type Check, type DoctorConfig, fail, ok, warn } from './doctor-check.js';
import { clientsCheck } from './doctor-clients.js';
import { keyChecks } from './doctor-keys.js';
import { explain } from './failure.js';
import type { CommandServices, Terminal } from './terminal.js';

/** Seconds. Codes and tokens of a minute's life bear little more. */
const DRIFT = { warn: 2, fail: 30 };

export async function databaseChecks({ withServices }: Terminal, config: DoctorConfig): Promise<Check[]> {
  const kind = config.databaseUrl ? 'PostgreSQL' : 'embedded';
  try {
    return await withServices(
      async (services) => {
        const [{ version } = { version: '' }] = await services.db.manager.query<{ version: string }[]>(
          `SELECT split_part(current_setting('server_version'), ' ', 1) AS version`,
        );
        const first = [ok('database', `${kind} ${version}`), versionCheck(version), await clockCheck(services)];
        const present = first.filter((check) => check !== undefined);
        if (await services.db.dataSource.showMigrations())
          return [...present, fail('migrations', 'the database is of an earlier version', 'run: ostiary migrate')];
        return [
          ...present,
          ok('migrations', 'at this version'),
          ...(await keyChecks(services)),
          await clientsCheck(services),
        ];
      },
      { raw: true },
    );
  } catch (error) {
    const holder = (error as { cause?: unknown }).cause;
    if (holder instanceof LockHeldError)
      return [
        warn(
          'database',
          `embedded, in use by process ${holder.pid}`,
          'as it should be while the server runs; stop it for the checks of migrations, clock and keys',
        ),
      ];
    const { sentence } = explain(error);
    return [fail('database', sentence, config.databaseUrl ? 'check DATABASE_URL' : 'check DATA_DIR')];
  }
}

const versionCheck = (version: string): Check | undefined =>
  Number.parseInt(version, 10) < 15
    ? fail('database', `PostgreSQL ${version} is too old`, 'use PostgreSQL 15 or later')
    : undefined;

async function clockCheck({ db, clock }: CommandServices): Promise<Check> {
  const before = clock.now().getTime();
  const [row] = await db.manager.query<{ now: Date }[]>('SELECT clock_timestamp() AS now');
  const middle = (before + clock.now().getTime()) / 2;
  const seconds = Math.abs((row?.now.getTime() ?? middle) - middle) / 1000;
  const detail = `the database is ${seconds.toFixed(1)} s apart from this machine`;
  if (seconds < DRIFT.warn) return ok('clock', detail);
  const advice = 'let both follow the same time servers (NTP)';
  return seconds < DRIFT.fail ? warn('clock', detail, advice) : fail('clock', detail, advice);
}
