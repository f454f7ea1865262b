// Counts failed proofs for each identifier and factor and locks after too many. Every change is one statement, so it holds across processes.
// An attempt is counted before the proof is looked at: any number of parallel guesses gets no more tries than one after the other.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { LockoutRules } from './lockout-rules.js';

/**
 * What is counted: `email_code` is a first factor. `password_of_role` is the same tries as `password` by stricter rules, for accounts that
 * have a role: apart, so that nobody learns from the one count that there is the other.
 */
export type Factor = 'password' | 'password_of_role' | 'email_code' | 'second_factor';

/** Beside the factors: a sign-in that was right, and was not let in. Locks nothing. */
const DENIED = 'denied';

/** An attempt that may go on. `locks` tells that it was the last one: unless it succeeds, the lock stays. */
export interface Reservation {
  locks: { until: Date; lockoutCount: number } | undefined;
}

/** Does not end by waiting, but by an administrator or through the mailbox. */
export const PERMANENT = new Date('9999-12-31T23:59:59Z');

/** Failures and locks older than this are forgotten, those in a row apart: a typing error each month locks nobody out. */
export const MEMORY_SECONDS = 24 * 3600;

/** So long one proof of the mailbox has to do. */
const REOPENED_AGAIN_SECONDS = 30 * 24 * 3600;

export class Lockout {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Counts the attempt. @returns until when it is locked where it may not go on; attempts while locked change nothing. */
  async reserve(subject: string, factor: Factor, rules: LockoutRules): Promise<Reservation | { lockedUntil: Date }> {
    const now = this.clock.now();
    const key = [currentTenantId(), subject, factor];
    const [row] = await this.db.execute<Row>(RESERVE, [
      ...key,
      now,
      rules.max_attempts,
      rules.lock_seconds,
      new Date(now.getTime() - MEMORY_SECONDS * 1000),
      PERMANENT,
      rules.max_in_a_row ?? null,
    ]);
    if (row)
      return { locks: row.locked_until ? { until: row.locked_until, lockoutCount: row.lockout_count } : undefined };
    const [locked] = await this.db.execute<Row>(READ, key);
    // Gone in between: somebody succeeded, and this attempt begins a new count.
    return locked?.locked_until ? { lockedUntil: locked.locked_until } : this.reserve(subject, factor, rules);
  }

  /** The attempt was never looked at, as when there was no room: it does not count, nor does the lock it made. */
  async release(subject: string, factor: Factor, { locks }: Reservation): Promise<void> {
    await this.db.execute(RELEASE, [currentTenantId(), subject, factor, locks ? 1 : 0, locks?.until ?? null]);
  }

  /** Success, or an administrator's word. @returns whether there was anything to forget. */
  async clear(subject: string, factor: Factor): Promise<boolean> {
    return (await this.forget(subject, factor)) !== undefined;
  }

  /** @returns how many attempts were counted; undefined where none were. */
  async forget(subject: string, factor: Factor): Promise<number | undefined> {
    const [row] = await this.db.execute<{ failed_count: number }>(CLEAR, [currentTenantId(), subject, factor]);
    return row?.failed_count;
  }

  /**
   * The proof was right: the count ends, and what was missed before is kept for a day, or until settle(). So it is still known to whoever begins
   * anew instead of going on. @returns how often it was missed.
   */
  async passed(subject: string, factor: Factor): Promise<number> {
    const now = this.clock.now();
    const since = new Date(now.getTime() - MEMORY_SECONDS * 1000);
    const values = [currentTenantId(), subject, factor, missedOf(factor), now, since];
    const [row] = await this.db.execute<{ missed: number; counted: boolean }>(PASSED, values);
    if (row?.counted) return row.missed;
    // Another right one was a moment faster, and what it has kept was not there yet when this statement began.
    const [kept] = await this.db.execute<LockoutState>(READ, [currentTenantId(), subject, missedOf(factor)]);
    return kept && kept.last_failed_at !== null && kept.last_failed_at > since ? kept.failed_count : 0;
  }

  /** The sign-in is done: what was missed on the way to it is forgotten. */
  async settle(subject: string, factor: Factor): Promise<void> {
    await this.db.execute(CLEAR, [currentTenantId(), subject, missedOf(factor)]);
  }

  /**
   * Ends what waiting does not end, and only that: a lock that ends by itself stays. Once in a month, or whoever comes by this way could guess
   * without an end. @param inARow failures that stay counted. @returns whether it ended.
   */
  async reopen(subject: string, factor: Factor, inARow: number): Promise<boolean> {
    const now = this.clock.now();
    const before = new Date(now.getTime() - REOPENED_AGAIN_SECONDS * 1000);
    const values = [currentTenantId(), subject, factor, PERMANENT, inARow, now, before];
    return (await this.db.execute(REOPEN, values)).length > 0;
  }

  /** Whoever it was knew how to sign in, and was not let in: what failed before is forgotten by then, so this is what the next try is weighed by. */
  async noteDenial(subject: string): Promise<void> {
    await this.db.execute(NOTE_DENIAL, [currentTenantId(), subject, DENIED, this.clock.now()]);
  }

  async wasDenied(subject: string, since: Date): Promise<boolean> {
    const { last_failed_at: last } = await this.state(subject, DENIED);
    return last !== null && last > since;
  }

  async state(subject: string, factor: Factor | typeof DENIED): Promise<LockoutState> {
    const [row] = await this.db.execute<LockoutState>(READ, [currentTenantId(), subject, factor]);
    return row ?? { failed_count: 0, locked_until: null, lockout_count: 0, last_failed_at: null };
  }
}

export interface LockoutState {
  failed_count: number;
  locked_until: Date | null;
  lockout_count: number;
  last_failed_at: Date | null;
}

interface Row {
  locked_until: Date | null;
  lockout_count: number;
}

/** Under which name is kept what was missed before a proof was right. */
const missedOf = (factor: Factor): string => `${factor}_missed`;

// Rules have two attempts or more, so the first one never locks. A lock that has ended starts a new count; lockout_count goes on, so
// that the next lock is longer. No row comes back while a lock holds.
const RESERVE = {
  name: 'lockout_reserve',
  text: `
    INSERT INTO login_failures AS f
      (tenant_id, subject_hash, factor, failed_count, locked_until, lockout_count, last_failed_at, in_a_row)
    VALUES ($1, $2, $3, 1, NULL, 0, $4, CASE WHEN $9::int IS NULL THEN 0 ELSE 1 END)
    ON CONFLICT (tenant_id, subject_hash, factor) DO UPDATE SET (failed_count, locked_until, lockout_count, last_failed_at, in_a_row) = (
      SELECT a.count,
             CASE WHEN a.in_a_row >= $9::int THEN $8::timestamptz
                  WHEN a.count >= $5::int
                    THEN least($4::timestamptz + make_interval(
                           secs => ($6::float8[])[least(a.lockouts + 1, cardinality($6::float8[]))]), $8::timestamptz)
             END,
             a.lockouts + CASE WHEN a.count >= $5::int OR a.in_a_row >= $9::int THEN 1 ELSE 0 END,
             $4::timestamptz,
             a.in_a_row
      FROM (SELECT CASE WHEN f.locked_until IS NULL AND f.last_failed_at > $7::timestamptz THEN f.failed_count + 1 ELSE 1 END AS count,
                   CASE WHEN f.last_failed_at > $7::timestamptz THEN f.lockout_count ELSE 0 END AS lockouts,
                   CASE WHEN $9::int IS NULL THEN 0 ELSE f.in_a_row + 1 END AS in_a_row) a)
    WHERE f.locked_until IS NULL OR f.locked_until <= $4::timestamptz
    RETURNING locked_until, lockout_count`,
};

const READ = {
  name: 'lockout_read',
  text: `
    SELECT failed_count, locked_until, lockout_count, last_failed_at FROM login_failures
    WHERE tenant_id = $1 AND subject_hash = $2 AND factor = $3`,
};

const NOTE_DENIAL = {
  name: 'lockout_note_denial',
  text: `
    INSERT INTO login_failures AS f (tenant_id, subject_hash, factor, failed_count, last_failed_at) VALUES ($1, $2, $3, 1, $4)
    ON CONFLICT (tenant_id, subject_hash, factor) DO UPDATE
      SET failed_count = least(f.failed_count, 1000000) + 1, last_failed_at = excluded.last_failed_at`,
};

const REOPEN = {
  name: 'lockout_reopen',
  text: `
    UPDATE login_failures SET failed_count = 0, locked_until = NULL, in_a_row = least(in_a_row, $5::int), reopened_at = $6::timestamptz
    WHERE tenant_id = $1 AND subject_hash = $2 AND factor = $3 AND locked_until >= $4::timestamptz
      AND (reopened_at IS NULL OR reopened_at <= $7::timestamptz)
    RETURNING lockout_count`,
};

const RELEASE = {
  name: 'lockout_release',
  text: `
    UPDATE login_failures
    SET failed_count = greatest(failed_count - 1, 0),
        in_a_row = greatest(in_a_row - 1, 0),
        lockout_count = lockout_count - CASE WHEN locked_until = $5::timestamptz THEN $4::int ELSE 0 END,
        locked_until = CASE WHEN locked_until = $5::timestamptz THEN NULL ELSE locked_until END
    WHERE tenant_id = $1 AND subject_hash = $2 AND factor = $3`,
};

const CLEAR = {
  name: 'lockout_clear',
  text: `
    DELETE FROM login_failures WHERE tenant_id = $1 AND subject_hash = $2 AND factor = $3
    RETURNING failed_count`,
};

// The right one was counted as well. All parts of a statement see what was there before it.
const PASSED = {
  name: 'lockout_passed',
  text: `
    WITH counted AS (
      DELETE FROM login_failures WHERE tenant_id = $1 AND subject_hash = $2 AND factor = $3
      RETURNING tenant_id, subject_hash, greatest(failed_count - 1, 0) AS missed),
    before AS (
      SELECT failed_count AS missed FROM login_failures
      WHERE tenant_id = $1 AND subject_hash = $2 AND factor = $4 AND last_failed_at > $6::timestamptz),
    kept AS (
      INSERT INTO login_failures AS f (tenant_id, subject_hash, factor, failed_count, last_failed_at)
      SELECT tenant_id, subject_hash, $4::text, missed, $5::timestamptz FROM counted WHERE missed > 0
      ON CONFLICT (tenant_id, subject_hash, factor) DO UPDATE
        SET failed_count = excluded.failed_count
              + CASE WHEN f.last_failed_at > $6::timestamptz THEN least(f.failed_count, 1000000) ELSE 0 END,
            last_failed_at = excluded.last_failed_at)
    SELECT coalesce((SELECT missed FROM counted), 0) + coalesce((SELECT missed FROM before), 0) AS missed,
           EXISTS (SELECT 1 FROM counted) AS counted`,
};
