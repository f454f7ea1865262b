// Owns the end of accounts that somebody made and nobody has come back to: their address was never proved, so it may be a stranger's, who has
// not asked for it to be kept (GDPR Article 5(1)(e)), and could not have it otherwise. Nobody is told, for the same reason. Hands off to: UserService, with which everything ends.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { AccountPolicy } from '../tenants/tenant.schema.js';
import type { UserService } from '../users/user.service.js';

export const ABANDONED_TASK = 'registrations.abandoned';

/** Days in which an address can be proved, or the account used, after it was made. */
const DAYS = 30;

/**
 * Of an account that was used, as it may be where no address has to be proved, where the tenant says nothing else. It is its owner's as far as
 * anybody knows, so that a tenant may keep it for good.
 */
const UNUSED_DAYS = AccountPolicy.parse({}).unproved_unused_days;

const batch = 100;

export class AbandonedRegistrations {
  constructor(
    private readonly db: Database,
    private readonly users: Pick<UserService, 'delete'>,
    private readonly clock: Clock,
  ) {}

  /** The job, over all tenants; those of a suspended tenant wait. May stop anywhere and run twice. @returns how many accounts went. */
  async end(signal?: AbortSignal): Promise<number> {
    const now = this.clock.now();
    let gone = 0;
    let failure: unknown;
    for (let due: Due[] = []; ; ) {
      const last = due.at(-1);
      const values = [now, UNUSED_DAYS, last?.created_at ?? null, last?.id ?? null, batch];
      due = (await this.db.manager.query(DUE, values)) as Due[];
      for (const { tenant_id: tenantId, id } of due) {
        if (signal?.aborted) return gone;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        try {
          if (await withContext(context, () => this.endOne(id, now))) gone += 1;
        } catch (error) {
          // One that cannot go keeps nobody else.
          failure ??= error;
        }
      }
      if (due.length < batch) break;
    }
    if (failure) throw failure;
    return gone;
  }

  /** @returns false where somebody came back, or another process was here, a moment ago. */
  private endOne(id: string, now: Date): Promise<boolean> {
    return this.db.transaction(async () => {
      if ((await this.db.execute(HOLD, [currentTenantId(), now, UNUSED_DAYS, id])).length === 0) return false;
      await this.users.delete({ id });
      return true;
    });
  }
}

interface Due {
  tenant_id: string;
  id: string;
  created_at: string;
}

/**
 * Parameters: now, and the days of whoever says nothing. Whom an administrator has looked at, and has disabled or given a role, is theirs to
 * keep. Whoever is signed in, or has an application that is, uses the account without signing in.
 */
const nobodyCame = (now: string, days: string) => `
  r.created_at < ${now}::timestamptz - interval '${DAYS} days'
  AND NOT u.email_verified AND u.disabled_at IS NULL AND u.deletion_at IS NULL AND u.roles = '{}'
  AND (u.last_login_at IS NULL OR (
    COALESCE((t.settings #>> '{accounts,unproved_unused_days}')::int, ${days}::int) > 0
    AND u.last_login_at < ${now}::timestamptz
      - make_interval(days => COALESCE((t.settings #>> '{accounts,unproved_unused_days}')::int, ${days}::int))
    AND NOT EXISTS (SELECT FROM sessions s WHERE s.tenant_id = u.tenant_id AND s.account_id = u.id
                       AND s.ended_at IS NULL AND s.expires_at > ${now}::timestamptz)
    AND NOT EXISTS (SELECT FROM engine_rows e WHERE e.tenant_id = u.tenant_id AND e.account_id = u.id AND e.kind = 'RefreshToken'
                       AND e.consumed_at IS NULL AND e.expires_at > ${now}::timestamptz)))`;

// As text, because a Date has no microseconds: the walk would stand still.
const DUE = `
  SELECT r.tenant_id, r.user_id AS id, r.created_at::text AS created_at
    FROM registrations r JOIN users u ON u.tenant_id = r.tenant_id AND u.id = r.user_id JOIN tenants t ON t.id = r.tenant_id
   WHERE ${nobodyCame('$1', '$2')} AND t.suspended_at IS NULL AND t.deleting_at IS NULL
     AND ($3::timestamptz IS NULL OR (r.created_at, r.user_id) > ($3::timestamptz, $4::uuid))
   ORDER BY r.created_at, r.user_id LIMIT $5`;

const HOLD = {
  name: 'registration_hold_abandoned',
  text: `
    SELECT u.id FROM users u JOIN registrations r ON r.tenant_id = u.tenant_id AND r.user_id = u.id JOIN tenants t ON t.id = u.tenant_id
     WHERE u.tenant_id = $1 AND u.id = $4 AND ${nobodyCame('$2', '$3')} FOR NO KEY UPDATE OF u`,
};
