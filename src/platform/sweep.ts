// Takes away rows whose time has come, over all tables and tenants, a small batch at a time, so that nobody who asks meanwhile waits for it.
// Handed in by src/retention.ts: which rows those are. A run ends between two batches; the next goes on where it stopped.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './clock.js';
import type { Database } from './database.js';

/** How long the rows of one table stay. */
export interface Retention {
  table: string;
  /** A timestamptz with an index of its own; what lies before it is due. */
  column: string;
  /** Seconds that a row stays after that. */
  keep: number;
  /** What else must be true of a row that goes; $1 is the time. */
  when?: string;
  /** Columns to be emptied, the one above among them, where the row itself stays. */
  empty?: readonly string[];
  /** Rows in one statement, where that is fewer than of others: much goes with each. */
  batch?: number;
}

interface SweepSettings {
  /** Rows in one statement, which is one transaction. */
  batch?: number;
  /** While there is more to do it rests so many times as long as the batch took: a backlog costs a part of one connection, not all of it. */
  rest?: number;
}

interface Swept {
  found: number;
  swept: number;
  last: Date | null;
}

export class Sweeper {
  private readonly batch: number;
  private readonly rest: number;

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly retentions: readonly Retention[],
    { batch = 500, rest = 9 }: SweepSettings = {},
  ) {
    this.batch = batch;
    this.rest = rest;
  }

  /** Goes round the tables until nothing is due. @param signal ends it after the batch in progress. @returns how many rows went or were emptied. */
  async run(signal?: AbortSignal): Promise<number> {
    let total = 0;
    let open = this.retentions.map((retention) => ({ retention, from: new Date(0) }));
    while (open.length > 0) {
      const unfinished: typeof open = [];
      for (const { retention, from } of open) {
        if (signal?.aborted) return total;
        const started = performance.now();
        const { found, swept, last } = await this.sweep(retention, from);
        total += swept;
        if (found < this.most(retention) || !last) continue;
        unfinished.push({ retention, from: last });
        await delay((performance.now() - started) * this.rest, undefined, { signal }).catch(() => {});
      }
      open = unfinished;
    }
    return total;
  }

  /**
   * Oldest first, through the index, beginning where the batch before ended: what was deleted there is not walked through again, however long
   * vacuum takes. A row that somebody holds is skipped, and one that was given more time meanwhile is looked at again by FOR UPDATE, and stays.
   */
  private async sweep(retention: Retention, from: Date): Promise<Swept> {
    const { table, column, keep, when, empty } = retention;
    const due = `${column} < $1::timestamptz - interval '${keep} seconds' ${when ? `AND (${when})` : ''}`;
    // A place is one of many in a partitioned table: said again, that only what is due may go.
    const these = `WHERE ctid = ANY (ARRAY(SELECT place FROM due)) AND ${due}`;
    const act = empty
      ? `UPDATE ${table} SET ${empty.map((name) => `${name} = NULL`).join(', ')} ${these}`
      : `DELETE FROM ${table} ${these}`;
    const [row] = (await this.db.manager.query(
      `WITH due AS MATERIALIZED (
         SELECT ctid AS place, ${column} AS due_at FROM ${table}
          WHERE ${due} AND ${column} >= $2::timestamptz
          ORDER BY ${column} LIMIT ${this.most(retention)} FOR UPDATE SKIP LOCKED
       ), swept AS (${act} RETURNING 1)
       SELECT (SELECT count(*) FROM due)::int AS found, (SELECT count(*) FROM swept)::int AS swept, (SELECT max(due_at) FROM due) AS last`,
      [this.clock.now(), from],
    )) as [Swept];
    return row;
  }

  private most({ batch = this.batch }: Retention): number {
    return Math.min(batch, this.batch);
  }
}
