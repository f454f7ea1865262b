// What a worker that was away for long finds: a backlog beside the full tables. It is swept in turns of some seconds with as long a rest, so
// that both are measured in the same conditions; then to its end.
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/platform/clock.js';
import { Sweeper } from '../../../src/platform/sweep.js';
import { retentions } from '../../../src/retention.js';
import { p95 } from './compare.js';
import { onServer } from './database.js';
import type { Operations } from './operations.js';
import { Paced, Turns } from './paced.js';
import type { Side } from './side.js';
import { holdServersSweep } from './steady.js';

const rate = 30;
const turnMs = 4_000;

export interface Backlog {
  rows: number;
  /** Of sweeping, the rests left out. */
  seconds: number;
  failures: number;
  quiet: number;
  sweeping: number;
  left: number;
}

/** @param count of access tokens that have expired, and as many replayed values. */
export async function sweepBacklog(side: Side, operations: Operations, count: number): Promise<Backlog> {
  return onServer(async (db) => {
    await holdServersSweep(db);
    await db.query(
      `INSERT INTO engine_rows (tenant_id, handle_hash, kind, client_id, account_id, grant_id, session_uid, payload, expires_at, retain_until)
         SELECT r.tenant_id, sha256(convert_to('backlog' || n, 'UTF8')), r.kind, r.client_id, r.account_id, r.grant_id, r.session_uid, r.payload, t.at, t.at
           FROM generate_series(1, $1::int) n, LATERAL (SELECT now() - n * interval '10 ms' AS at) t,
                (SELECT * FROM engine_rows WHERE kind = 'AccessToken' ORDER BY retain_until LIMIT 1) r`,
      [count],
    );
    await db.query(
      `INSERT INTO replays (tenant_id, id, expires_at) SELECT t.id, 'backlog-' || n, now() - n * interval '10 ms'
           FROM generate_series(1, $1::int) n, (SELECT id FROM tenants LIMIT 1) t`,
      [count],
    );
    await db.query('ANALYZE engine_rows, replays');
    await db.query('CHECKPOINT').catch(() => {});

    const sweeper = new Sweeper(side.house.services.db, systemClock, retentions);
    const load = new Paced(rate, () => operations.refresh(side));
    const turns = new Turns(turnMs);
    let [rows, milliseconds] = [0, 0];
    const sweep = async (signal?: AbortSignal) => {
      const started = performance.now();
      turns.begin();
      rows += await sweeper.run(signal);
      milliseconds += performance.now() - started;
    };
    try {
      for (let turn = 0; turn < 8; turn += 1) {
        await delay(turnMs);
        await sweep(AbortSignal.timeout(turnMs));
      }
    } finally {
      await load.stop();
    }
    await sweep();
    const { inside, outside } = turns.divide(load.times);
    const {
      rows: [left],
    } = await db.query(
      `SELECT (SELECT count(*) FROM engine_rows WHERE retain_until < $1)::int
              + (SELECT count(*) FROM replays)::int AS count`,
      [new Date(Date.now() - 60_000)],
    );
    return {
      rows,
      seconds: milliseconds / 1000,
      failures: load.failures.length,
      quiet: p95(outside),
      sweeping: p95(inside),
      left: left.count,
    };
  }, String(side.house.database.url));
}
