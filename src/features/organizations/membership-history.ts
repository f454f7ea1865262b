// Owns the history of members: what became of each, in the transaction of the change. Statistics are counted from it alone.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import { TimedIds } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { MembershipEventKind } from './membership-event.entity.js';

export class MembershipHistory {
  /** An id says when: lists are in their order. */
  private readonly ids = new TimedIds();

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  record(
    kind: MembershipEventKind,
    { organizationId, userId }: { organizationId: string; userId: string },
    data: Record<string, unknown> = {},
  ): Promise<void> {
    return this.recordAll(kind, organizationId, [userId], data);
  }

  /** Of many people the same, by one statement. */
  async recordAll(
    kind: MembershipEventKind,
    organizationId: string,
    people: readonly string[],
    data: Record<string, unknown> = {},
  ): Promise<void> {
    if (people.length === 0) return;
    const actor = currentContext()?.actor;
    const occurredAt = this.clock.now();
    await this.db.execute(RECORD, [
      currentTenantId(),
      organizationId,
      people.map(() => this.ids.at(occurredAt)),
      people,
      kind,
      data,
      actor?.type ?? null,
      actor?.id ?? null,
      occurredAt,
    ]);
  }
}

const RECORD = {
  name: 'membership_events_record',
  text: `
    INSERT INTO membership_events (tenant_id, organization_id, id, user_id, kind, data, actor_type, actor_id, occurred_at)
    SELECT $1, $2, e.id, e.user_id, $5, $6, $7, $8, $9
      FROM ROWS FROM (unnest($3::uuid[]), unnest($4::uuid[])) AS e (id, user_id)`,
};
