// What became of what an endpoint was told, and what an administrator asks to be sent: once more, or for the first time, to try it.
// Handed in by webhook-outbox.ts; handed off to webhook-sender.ts.
import { Not } from 'typeorm';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict, notFound } from '../../platform/errors.js';
import { firstIdAt } from '../audit/audit.queries.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Replays } from './webhook.schema.js';
import { namesOf } from './webhook.service.js';
import { WebhookDelivery } from './webhook-delivery.entity.js';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';
import { TEST_EVENT } from './webhook-outbox.js';

/** At a time: who has more asks again. */
const MOST_REPLAYED = 10_000;

export class WebhookDeliveries {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly wake: () => void,
  ) {}

  /** @throws AppError 404 */
  async find({ id: endpointId }: WebhookEndpoint, eventId: string): Promise<WebhookDelivery> {
    const delivery = await this.db.repo(WebhookDelivery).findOneBy({ endpointId, eventId });
    if (!delivery) throw notFound('delivery');
    return delivery;
  }

  /** An event of its own, recorded as any other, and sent to this endpoint alone. @throws AppError 409 where it is disabled. */
  test(webhook: WebhookEndpoint): Promise<WebhookDelivery> {
    return this.db.transaction(async () => {
      await this.held(webhook);
      await this.audit.record(TEST_EVENT, namesOf(webhook));
      const delivery = await this.db
        .repo(WebhookDelivery)
        .query('d')
        .andWhere('d.endpoint_id = :id AND d.event_name = :name', { id: webhook.id, name: TEST_EVENT })
        .orderBy('d.event_id', 'DESC')
        .limit(1)
        .getOne();
      if (!delivery) throw conflict('webhook_disabled', 'This webhook was enabled a moment ago: ask again');
      return delivery;
    });
  }

  /** From the first attempt, with the id it had: who has taken it already knows it by that. @throws AppError 409 where it waits already. */
  replay(webhook: WebhookEndpoint, { eventId }: WebhookDelivery): Promise<WebhookDelivery> {
    return this.db.transaction(async () => {
      await this.held(webhook);
      const whose = { endpointId: webhook.id, eventId, status: Not('queued' as const) };
      const changed = await this.db
        .repo(WebhookDelivery)
        .update(whose, { status: 'queued', attempts: 0, nextAt: this.clock.now(), doneAt: null });
      if (changed === 0) throw conflict('delivery_queued', 'This delivery waits to be sent already');
      await this.audit.record('webhook.replayed', { ...namesOf(webhook), deliveries: 1 });
      await this.db.afterCommit(this.wake);
      return this.find(webhook, eventId);
    });
  }

  /** The oldest first. @returns how many. */
  replayAll(webhook: WebhookEndpoint, { status, from, to }: Replays): Promise<number> {
    return this.db.transaction(async () => {
      await this.held(webhook);
      const values = [currentTenantId(), webhook.id, status, firstIdAt(from), firstIdAt(to), this.clock.now()];
      const rows = await this.db.execute<{ count: number }>(REPLAY, [...values, MOST_REPLAYED]);
      const deliveries = rows[0]?.count ?? 0;
      if (deliveries > 0) await this.audit.record('webhook.replayed', { ...namesOf(webhook), deliveries });
      await this.db.afterCommit(this.wake);
      return deliveries;
    });
  }

  /** It stays enabled until this is done, and of two tests at once each finds its own. @throws AppError 409 */
  private async held({ id }: WebhookEndpoint): Promise<void> {
    const row = this.db.repo(WebhookEndpoint).query('w').andWhere('w.id = :id', { id });
    const webhook = await row.setLock('for_no_key_update').getOne();
    if (!webhook) throw notFound('webhook');
    if (!webhook.enabledAt) throw conflict('webhook_disabled', 'This webhook is disabled: nothing is sent to it');
  }
}

const REPLAY = {
  name: 'webhooks_replay',
  text: `
    WITH these AS (
      SELECT tenant_id, endpoint_id, event_id FROM webhook_deliveries
       WHERE tenant_id = $1 AND endpoint_id = $2 AND status = $3 AND event_id >= $4::uuid AND event_id < $5::uuid
       ORDER BY event_id LIMIT $7 FOR UPDATE
    ), replayed AS (
      UPDATE webhook_deliveries d SET status = 'queued', attempts = 0, next_at = $6, done_at = NULL
        FROM these t WHERE d.tenant_id = t.tenant_id AND d.endpoint_id = t.endpoint_id AND d.event_id = t.event_id
      RETURNING 1
    )
    SELECT count(*)::int AS count FROM replayed`,
};
