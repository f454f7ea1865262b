// Owns the history of locks: what is written when one begins or ends before its time, and the alert where they come again and again.
// Hands off to: the audit log, and whoever tells the owner of the account (the hook `locked`).
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { SignInFailure } from '../audit/audit.events.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type Factor, MEMORY_SECONDS, type Reservation } from './lockout.js';

/** So many locks within a day are no typing errors. */
const REPEATED = 3;

export interface LockNotice {
  user_id: string | null;
  factor: Factor;
  until: string;
  lockout_count: number;
  repeated: boolean;
}

export class LockoutHistory {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /** In the transaction of the failure that locked. The same statements whether or not there is such a user. */
  async begun(
    lock: { subject: string; factor: Factor; userId: string | null; cause: SignInFailure },
    { until, lockoutCount }: NonNullable<Reservation['locks']>,
  ): Promise<LockNotice> {
    const { subject, factor, userId, cause } = lock;
    const now = this.clock.now();
    const since = new Date(now.getTime() - MEMORY_SECONDS * 1000);
    const ip = currentContext()?.ip ?? null;
    const values = [currentTenantId(), newId(), subject, userId, factor, cause, ip, now, until, since];
    const [row] = await this.db.execute<{ count: number }>(BEGIN, values);
    const count = row?.count ?? 1;
    const notice = { user_id: userId, until: until.toISOString(), lockout_count: lockoutCount };
    await this.audit.record('account.locked', { subject_hash: subject, factor, ...notice });
    const repeated = count >= REPEATED;
    if (repeated)
      await this.audit.record('account.locked_repeatedly', { subject_hash: subject, user_id: userId, factor, count });
    return { ...notice, factor, repeated };
  }

  /** How many began since then. */
  async countSince(userId: string, since: Date): Promise<number> {
    const [row] = await this.db.execute<{ count: number }>(COUNT, [currentTenantId(), userId, since]);
    return row?.count ?? 0;
  }

  /** A lock that would still hold was ended by somebody. */
  async ended(subject: string, factor: Factor, by: 'owner' | 'administrator'): Promise<void> {
    const actor = currentContext()?.actor;
    const name = by === 'administrator' && actor ? `${actor.type}:${actor.id}` : by;
    await this.db.execute(END, [currentTenantId(), subject, factor, this.clock.now(), name]);
  }
}

const BEGIN = {
  name: 'lockout_history_begin',
  text: `
    WITH begun AS (
      INSERT INTO lockouts (tenant_id, id, subject_hash, user_id, factor, cause, ip, locked_at, locked_until)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9))
    SELECT 1 + count(*)::int AS count FROM lockouts
    WHERE tenant_id = $1 AND subject_hash = $3 AND factor = $5 AND locked_at > $10::timestamptz`,
};

const COUNT = {
  name: 'lockout_history_count',
  text: 'SELECT count(*)::int AS count FROM lockouts WHERE tenant_id = $1 AND user_id = $2 AND locked_at > $3::timestamptz',
};

const END = {
  name: 'lockout_history_end',
  text: `
    UPDATE lockouts SET unlocked_at = $4, unlocked_by = $5
    WHERE tenant_id = $1 AND subject_hash = $2 AND factor = $3 AND unlocked_at IS NULL AND locked_until > $4::timestamptz`,
};
