// Takes away what nobody can use any more, a bounded number at a time, over all tenants. Rows stay as long as their reuse must be noticed.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';

const batch = 1000;
/** What ended stays this long for whoever looks into it. */
const keepEndedDays = 30;

const expired = (table: string, condition: string) =>
  `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${batch}))`;

const statements = [
  expired('engine_rows', 'retain_until < $1::timestamptz'),
  expired('replays', 'expires_at < $1::timestamptz'),
  expired('denied_tokens', 'expires_at < $1::timestamptz'),
  expired('sessions', `expires_at < $1::timestamptz - interval '${keepEndedDays} days'`),
  expired('session_handles', `retire_at < $1::timestamptz - interval '1 hour'`),
  expired('grants', `expires_at < $1::timestamptz`),
  expired('traces', `occurred_at < $1::timestamptz - interval '${keepEndedDays} days'`),
  `UPDATE engine_rows SET sealed_answer = NULL, answer_until = NULL
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM engine_rows WHERE answer_until < $1::timestamptz LIMIT ${batch}))`,
];

/** @returns how many rows went or were emptied; the next run takes what is left. */
export async function sweepProtocol(db: Database, clock: Clock): Promise<number> {
  let count = 0;
  for (const statement of statements) {
    const [, affected] = (await db.manager.query(statement, [clock.now()])) as [unknown[], number];
    count += affected;
  }
  return count;
}
