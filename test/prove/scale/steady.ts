// The clean-up under a steady load of refreshes. Time runs fifteen times as fast: access tokens live a minute and not a quarter of an hour,
// families of refresh tokens likewise, the sweep comes every four seconds, and so does what autovacuum would do once a minute.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Pool } from 'pg';
import { lifetimes } from '../../../config/protocol.js';
import { handleHash } from '../../../src/features/protocol/handles.js';
import { systemClock } from '../../../src/platform/clock.js';
import { Sweeper } from '../../../src/platform/sweep.js';
import { retentions } from '../../../src/retention.js';
import { makeClient, makePerson, type Party, tokensFor } from '../../support/party.js';
import { p95 } from './compare.js';
import { onServer } from './database.js';
import { Paced, Turns } from './paced.js';
import { form, type Side } from './side.js';

const faster = 15;
const windowSeconds = lifetimes.accessToken / faster;
const everyMs = 60_000 / faster;
const rate = 50;
/** Each family is rotated every so many seconds. */
const turnSeconds = 8;

export interface Steady {
  rate: number;
  refreshes: number;
  failures: number;
  swept: number;
  vacuums: number;
  liveRows: number;
  /** Bytes with indexes: the table as it has become, and as it is when the same live rows are copied into a new one. */
  table: number;
  compact: number;
  ratio: number;
  quiet: number;
  sweeping: number;
}

export async function steadyLoad(side: Side, seconds: number): Promise<Steady> {
  const party = await makeClient(side.server, { access_token_ttl: windowSeconds, consent_policy: 'implicit' });
  const person = await makePerson(side.server);
  const { refresh_token } = await tokensFor(side.server, party, person.email);
  return onServer(async (db) => {
    await holdServersSweep(db);
    const families = new Families(side.house.services.db.pool, side, party, String(refresh_token));
    const load = new Paced(rate, () => families.refresh());
    const turns = new Turns(everyMs / 2);
    const stop = new AbortController();
    const cleaning = clean(side, db, turns, stop.signal);
    // Told of when it is awaited.
    cleaning.catch(() => {});
    try {
      await delay((windowSeconds + seconds) * 1000);
    } finally {
      stop.abort();
      await load.stop();
    }
    const { swept, vacuums } = await cleaning;
    const settled = load.times.filter(({ at }) => at > (load.times[0]?.at ?? 0) + windowSeconds * 1000);
    const { inside, outside } = turns.divide(settled);
    const sizes = await measure(db);
    const [quiet, sweeping] = [p95(outside), p95(inside)];
    const counts = { refreshes: load.times.length, failures: load.failures.length, swept, vacuums };
    return { rate, ...counts, ...sizes, quiet, sweeping };
  }, String(side.house.database.url));
}

/** The proof sweeps itself, so that it knows when: the server's own job waits. */
export const holdServersSweep = (db: Client) =>
  db.query(`UPDATE graphile_worker._private_jobs SET run_at = now() + interval '1 day' WHERE key = 'every:sweep'`);

async function clean(side: Side, db: Client, turns: Turns, signal: AbortSignal) {
  const sweeper = new Sweeper(side.house.services.db, systemClock, retentions);
  const counts = { swept: 0, vacuums: 0 };
  for (let due = performance.now(); !signal.aborted; due += everyMs) {
    await delay(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => {});
    turns.begin();
    counts.swept += await sweeper.run(signal);
    counts.vacuums += await vacuumWhereDue(db);
  }
  return counts;
}

/** As autovacuum decides it: dead rows above threshold + scale factor × rows, by the settings of the table. */
async function vacuumWhereDue(db: Client): Promise<number> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT s.relname AS name FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
      WHERE s.schemaname = 'public' AND s.n_dead_tup > current_setting('autovacuum_vacuum_threshold')::float / $1
        + COALESCE((SELECT option_value::float FROM pg_options_to_table(c.reloptions) WHERE option_name = 'autovacuum_vacuum_scale_factor'),
                   current_setting('autovacuum_vacuum_scale_factor')::float) * GREATEST(c.reltuples, 0)`,
    [faster],
  );
  for (const { name } of rows) await db.query(`VACUUM (ANALYZE) ${name}`);
  return rows.length;
}

/** Families of refresh tokens that end one after the other, each replaced by a new one, as by a sign-in. */
class Families {
  private readonly families: { handle: string; ends: number; busy: boolean }[];
  private next = 0;

  constructor(
    private readonly db: Pool,
    private readonly side: Side,
    private readonly party: Party,
    /** A token of the real server, never used: what the others are copied from. */
    private readonly template: string,
  ) {
    const count = rate * turnSeconds;
    this.families = Array.from({ length: count }, (_, n) => ({
      handle: '',
      // The first ones end at different times, so that all later ones do.
      ends: Date.now() + (turnSeconds + 4) * 1000 + (n / count) * windowSeconds * 1000,
      busy: false,
    }));
  }

  async refresh(): Promise<void> {
    const family = this.families[this.next++ % this.families.length] as (typeof this.families)[number];
    if (family.busy) throw new Error('the refresh before has not been answered yet');
    family.busy = true;
    try {
      if (family.ends < Date.now() + (turnSeconds + 2) * 1000) {
        family.ends = Date.now() + windowSeconds * 1000;
        family.handle = '';
      }
      if (!family.handle) family.handle = await this.plant(family.ends);
      const fields = { grant_type: 'refresh_token', refresh_token: family.handle };
      family.handle = String((await form(this.side, '/token', this.party, fields)).refresh_token);
    } finally {
      family.busy = false;
    }
  }

  /** A family is remembered until its absolute end: here it began that long ago. */
  private async plant(ends: number): Promise<string> {
    const handle = randomBytes(32).toString('base64url');
    const end = Math.floor(ends / 1000);
    await this.db.query(
      `INSERT INTO engine_rows (tenant_id, handle_hash, kind, client_id, account_id, grant_id, session_uid, payload, expires_at, retain_until)
       SELECT tenant_id, $1, kind, client_id, account_id, grant_id, session_uid,
              payload || jsonb_build_object('iiat', $2::bigint), expires_at, to_timestamp($3::bigint)
         FROM engine_rows WHERE handle_hash = $4`,
      [
        handleHash('RefreshToken', handle),
        end - lifetimes.refreshTokenAbsolute,
        end,
        handleHash('RefreshToken', this.template),
      ],
    );
    return handle;
  }
}

async function measure(db: Client) {
  const size = async (table: string) =>
    Number((await db.query(`SELECT pg_total_relation_size($1) AS bytes`, [table])).rows[0].bytes);
  const table = await size('engine_rows');
  await db.query('CREATE TABLE engine_rows_compact (LIKE engine_rows INCLUDING ALL)');
  const { rowCount } = await db.query(
    'INSERT INTO engine_rows_compact SELECT * FROM engine_rows WHERE retain_until > now()',
  );
  const compact = await size('engine_rows_compact');
  await db.query('DROP TABLE engine_rows_compact');
  return { liveRows: rowCount ?? 0, table, compact, ratio: table / compact };
}
