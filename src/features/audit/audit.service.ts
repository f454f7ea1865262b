// Owns the record of every change: who did what, from where, in the same transaction as the change itself.
// Hands off to: nobody. Every other feature calls record().
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import { TimedIds } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditEventName, AuditEvents } from './audit.events.js';
import { AuditEvent } from './audit-event.entity.js';

export type Recorded = Pick<AuditEvent, 'id' | 'name' | 'data'>;

/** Who takes what was recorded further, in the same transaction. */
export interface RecordListener {
  /** Whether anything of the current tenant is taken. */
  hears(): boolean;
  heard(events: readonly Recorded[]): Promise<void>;
}

export class AuditLog {
  /** An id says when: lists find a span of time by it. */
  private readonly ids = new TimedIds();

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly listener?: RecordListener,
  ) {}

  /** Writes on the surrounding transaction: no change without its record. Actor, ip, user agent and request come from the context. */
  async record<N extends AuditEventName>(name: N, data: AuditEvents[N]): Promise<void> {
    const context = currentContext();
    const occurredAt = this.clock.now();
    const event = Object.assign(new AuditEvent(), {
      id: this.ids.at(occurredAt),
      name,
      data: { ...data, ...byKey() },
      actorType: context?.actor?.type ?? null,
      actorId: context?.actor?.id ?? null,
      ip: context?.ip ?? null,
      userAgent: context?.userAgent?.slice(0, 512) ?? null,
      requestId: context?.requestId ?? null,
      occurredAt,
    });
    await this.told([event], () => this.db.repo(AuditEvent).insert(event));
  }

  /** As record, of what one statement has done to many rows: by one statement too. */
  async recordAll<N extends AuditEventName>(name: N, each: readonly AuditEvents[N][]): Promise<void> {
    if (each.length === 0) return;
    const context = currentContext();
    const occurredAt = this.clock.now();
    const events: Recorded[] = each.map((data) => ({
      id: this.ids.at(occurredAt),
      name,
      data: { ...(data as object), ...byKey() },
    }));
    await this.told(events, () =>
      this.db.execute(RECORD_ALL, [
        currentTenantId(),
        events.map(({ id }) => id),
        JSON.stringify(events.map(({ data }) => data)),
        name,
        context?.actor?.type ?? null,
        context?.actor?.id ?? null,
        context?.ip ?? null,
        context?.userAgent?.slice(0, 512) ?? null,
        context?.requestId ?? null,
        occurredAt,
      ]),
    );
  }

  /** Where somebody listens, there is a transaction even where nobody began one: both are written, or neither. */
  private async told(events: readonly Recorded[], write: () => Promise<unknown>): Promise<void> {
    const { listener } = this;
    if (!listener?.hears()) return void (await write());
    await this.db.transaction(async () => {
      await write();
      await listener.heard(events);
    });
  }
}

/** With a key a person is who acts; which key it was is known beside that. */
function byKey(): { api_key?: { id: string; environment: string } } {
  const { apiKey } = currentContext()?.actor ?? {};
  return apiKey ? { api_key: apiKey } : {};
}

const RECORD_ALL = {
  name: 'audit_record_all',
  text: `
    INSERT INTO audit_events (tenant_id, id, name, data, actor_type, actor_id, ip, user_agent, request_id, occurred_at)
    SELECT $1, e.id, $4, e.data, $5, $6, $7, $8, $9, $10
      FROM ROWS FROM (unnest($2::uuid[]), jsonb_array_elements($3::jsonb)) AS e (id, data)`,
};
