// What is recorded is what is told: in the transaction that records an event, each endpoint that listens for it gets a row, by one statement, and
// only at tenants where somebody listens. Hands off to: webhook-sender.ts, which tells them.
import { validate as isUuid } from 'uuid';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { Recorded, RecordListener } from '../audit/audit.service.js';
import type { WebhookListening } from './webhook-listening.js';

export const TEST_EVENT = 'webhook.test';

export class WebhookOutbox implements RecordListener {
  private due: () => void = () => {};

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly listening: Pick<WebhookListening, 'at'>,
  ) {}

  /** @param wake is told where this process has written something to be sent; others find it by looking. */
  onDue(wake: () => void): void {
    this.due = wake;
  }

  hears(): boolean {
    return this.listening.at(currentTenantId());
  }

  async heard(events: readonly Recorded[]): Promise<void> {
    const entries = events.map(entryOf);
    const told = await this.db.execute<{ count: number }>(NOTE, [
      currentTenantId(),
      JSON.stringify(entries),
      this.clock.now(),
      [...new Set(entries.map(({ organization_id }) => organization_id))].filter((id) => isUuid(id)),
    ]);
    if (told[0]?.count) await this.db.afterCommit(() => this.due());
  }
}

function entryOf({ id, name, data }: Recorded) {
  const { organization_id = null, webhook_id = null } = data as { organization_id?: unknown; webhook_id?: unknown };
  // A test is for the endpoint that is tried, whatever that listens for.
  return { id, name, noun: `${name.split('.')[0]}.*`, organization_id, tried: name === TEST_EVENT ? webhook_id : null };
}

/**
 * Of an organization's endpoint only what says that it is of this organization. One that is being deleted is told nothing any more: nobody's change
 * waits for that, or fails by it.
 */
const NOTE = {
  name: 'webhooks_note',
  text: `
    WITH these AS (
      SELECT w.id AS endpoint_id, e.id, e.name
        FROM jsonb_to_recordset($2::jsonb) AS e (id uuid, name text, noun text, organization_id text, tried text)
        JOIN webhook_endpoints w ON w.tenant_id = $1::uuid AND w.enabled_at IS NOT NULL
         AND (w.organization_id IS NULL OR w.organization_id = ANY ($4::uuid[]))
         AND (w.organization_id IS NULL OR w.organization_id::text = e.organization_id)
         AND CASE WHEN e.tried IS NULL THEN w.events && ARRAY[e.name, e.noun, '*'] ELSE w.id::text = e.tried END
         FOR KEY SHARE OF w SKIP LOCKED
    ), noted AS (
      INSERT INTO webhook_deliveries (tenant_id, endpoint_id, event_id, event_name, next_at, created_at)
      SELECT $1::uuid, endpoint_id, id, name, $3::timestamptz, $3::timestamptz FROM these
      RETURNING 1
    )
    SELECT count(*)::int AS count FROM noted`,
};
