// Owns the record of every change: who did what, from where, in the same transaction as the change itself.
// Hands off to: nobody. Every other feature calls record().
import type { Clock } from '../../platform/clock.js';
import { currentContext } from '../../platform/context.js';
import { TimedIds } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditEventName, AuditEvents } from './audit.events.js';
import { AuditEvent } from './audit-event.entity.js';

export class AuditLog {
  /** An id says when: lists find a span of time by it. */
  private readonly ids = new TimedIds();

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Writes on the surrounding transaction: no change without its record. Actor, ip, user agent and request come from the context. */
  async record<N extends AuditEventName>(name: N, data: AuditEvents[N]): Promise<void> {
    const context = currentContext();
    const occurredAt = this.clock.now();
    const event = Object.assign(new AuditEvent(), {
      id: this.ids.at(occurredAt),
      name,
      data,
      actorType: context?.actor?.type ?? null,
      actorId: context?.actor?.id ?? null,
      ip: context?.ip ?? null,
      userAgent: context?.userAgent?.slice(0, 512) ?? null,
      requestId: context?.requestId ?? null,
      occurredAt,
    });
    await this.db.repo(AuditEvent).insert(event);
  }
}
