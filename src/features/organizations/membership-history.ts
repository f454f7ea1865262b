// Owns the history of members: what became of each, in the transaction of the change. Statistics are counted from it alone.
import type { Clock } from '../../platform/clock.js';
import { currentContext } from '../../platform/context.js';
import { TimedIds } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { MembershipEvent, type MembershipEventKind } from './membership-event.entity.js';

export class MembershipHistory {
  /** An id says when: lists are in their order. */
  private readonly ids = new TimedIds();

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  async record(
    kind: MembershipEventKind,
    { organizationId, userId }: { organizationId: string; userId: string },
    data: Record<string, unknown> = {},
  ): Promise<void> {
    const actor = currentContext()?.actor;
    const occurredAt = this.clock.now();
    await this.db.repo(MembershipEvent).insert(
      Object.assign(new MembershipEvent(), {
        id: this.ids.at(occurredAt),
        organizationId,
        userId,
        kind,
        data,
        actorType: actor?.type ?? null,
        actorId: actor?.id ?? null,
        occurredAt,
      }),
    );
  }
}
