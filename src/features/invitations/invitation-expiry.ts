// Owns the end of invitations that nobody has answered in time. Whoever comes later is refused with or without it; this is for the record, and
// for those who look at the list.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';

export const EXPIRE_TASK = 'invitations.expire';

const batch = 200;

export class InvitationExpiry {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /** The job, over all tenants; those of a suspended tenant wait. May stop anywhere and run twice. @returns how many have expired. */
  async run(signal?: AbortSignal): Promise<number> {
    const now = this.clock.now();
    let ended = 0;
    for (let due: Due[] = []; ; ) {
      due = (await this.db.manager.query(DUE, [now, batch])) as Due[];
      for (const { tenant_id: tenantId, ids } of due) {
        if (signal?.aborted) return ended;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        ended += await withContext(context, () => this.end(ids, now));
      }
      if (due.length === 0) return ended;
    }
  }

  private end(ids: readonly string[], now: Date): Promise<number> {
    return this.db.transaction(async () => {
      const ended = await this.db.execute<Ended>(END, [currentTenantId(), ids, now]);
      const events = ended.map(({ id, organization_id }) => ({ organization_id, invitation_id: id }));
      await this.audit.recordAll('invitation.expired', events);
      return ended.length;
    });
  }
}

interface Due {
  tenant_id: string;
  ids: string[];
}

interface Ended {
  id: string;
  organization_id: string;
}

const DUE = `
  SELECT tenant_id, array_agg(id) AS ids FROM (
    SELECT i.tenant_id, i.id FROM organization_invitations i JOIN tenants t ON t.id = i.tenant_id
     WHERE i.state = 'pending' AND i.expires_at <= $1 AND t.suspended_at IS NULL AND t.deleting_at IS NULL
     ORDER BY i.expires_at LIMIT $2
  ) AS overdue GROUP BY tenant_id`;

const END = {
  name: 'invitation_expire',
  text: `
    UPDATE organization_invitations SET state = 'expired', decided_at = $3, updated_at = $3, version = version + 1
     WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND state = 'pending' AND expires_at <= $3
     RETURNING id, organization_id`,
};
