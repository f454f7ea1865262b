// Owns the end of accounts that somebody made and nobody has come back to: their address was never proved, so it may be a stranger's, who has
// not asked for it to be kept (GDPR Article 5(1)(e)), and could not have it otherwise. Hands off to: UserService, with which everything ends.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { UserService } from '../users/user.service.js';

export const ABANDONED_TASK = 'registrations.abandoned';

/** Days in which an address can be proved, or the account used, after it was made. */
const DAYS = 30;

/** Days in which an account that was used, as it may be where no address has to be proved, is used again. */
const UNUSED_DAYS = 365;

const batch = 100;

export class AbandonedRegistrations {
  constructor(
    private readonly db: Database,
    private readonly users: Pick<UserService, 'delete'>,
    private readonly clock: Clock,
  ) {}

  /** The job, over all tenants; those of a suspended tenant wait. May stop anywhere and run twice. @returns how many accounts went. */
  async end(signal?: AbortSignal): Promise<number> {
    const before = new Date(this.clock.now().getTime() - DAYS * 24 * 3600 * 1000);
    let gone = 0;
    let failure: unknown;
    for (let due: Due[] = []; ; ) {
      const last = due.at(-1);
      due = (await this.db.manager.query(DUE, [before, last?.created_at ?? null, last?.id ?? null, batch])) as Due[];
      for (const { tenant_id: tenantId, id } of due) {
        if (signal?.aborted) return gone;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        try {
          if (await withContext(context, () => this.endOne(id, before))) gone += 1;
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
  private endOne(id: string, before: Date): Promise<boolean> {
    return this.db.transaction(async () => {
      if ((await this.db.execute(HOLD, [currentTenantId(), id, before])).length === 0) return false;
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

/** @param before the parameter that says since when it would have to be proved, or used at all. Whom an administrator has looked at, and has disabled or given a role, is theirs to keep. */
const nobodyCame = (before: string) =>
  `NOT u.email_verified AND (u.last_login_at IS NULL OR u.last_login_at < ${before}::timestamptz - interval '${UNUSED_DAYS - DAYS} days') AND u.disabled_at IS NULL AND u.deletion_at IS NULL AND u.roles = '{}'`;

// As text, because a Date has no microseconds: the walk would stand still.
const DUE = `
  SELECT r.tenant_id, r.user_id AS id, r.created_at::text AS created_at
    FROM registrations r JOIN users u ON u.tenant_id = r.tenant_id AND u.id = r.user_id JOIN tenants t ON t.id = r.tenant_id
   WHERE r.created_at < $1::timestamptz AND ${nobodyCame('$1')} AND t.suspended_at IS NULL AND t.deleting_at IS NULL
     AND ($2::timestamptz IS NULL OR (r.created_at, r.user_id) > ($2::timestamptz, $3::uuid))
   ORDER BY r.created_at, r.user_id LIMIT $4`;

const HOLD = {
  name: 'registration_hold_abandoned',
  text: `
    SELECT u.id FROM users u JOIN registrations r ON r.tenant_id = u.tenant_id AND r.user_id = u.id
     WHERE u.tenant_id = $1 AND u.id = $2 AND r.created_at < $3::timestamptz AND ${nobodyCame('$3')} FOR NO KEY UPDATE OF u`,
};
