import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import type { DeliveryQuery, WebhookQuery } from './webhook.schema.js';
import { WebhookDelivery } from './webhook-delivery.entity.js';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';

/** @param organizationId null: those of the tenant itself. */
export async function listWebhooks(
  db: Database,
  organizationId: string | null,
  query: WebhookQuery,
): Promise<Page<WebhookEndpoint>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const webhooks = db.repo(WebhookEndpoint).query('w');
  if (organizationId) webhooks.andWhere('w.organization_id = :organizationId', { organizationId });
  else webhooks.andWhere('w.organization_id IS NULL');
  if (after) webhooks.andWhere('w.id > :after', { after });
  const rows = await webhooks
    .orderBy('w.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}

/** Newest first: ids of events are in the order of the events. */
export async function listDeliveries(
  db: Database,
  { id: endpointId }: WebhookEndpoint,
  query: DeliveryQuery,
): Promise<Page<WebhookDelivery>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const deliveries = db.repo(WebhookDelivery).query('d').andWhere('d.endpoint_id = :endpointId', { endpointId });
  if (after) deliveries.andWhere('d.event_id < :after', { after });
  if (query.status) deliveries.andWhere('d.status = :status', { status: query.status });
  const rows = await deliveries
    .orderBy('d.event_id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ eventId }) => eventId);
}
