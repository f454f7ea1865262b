// What became of what a webhook was sent, and what is sent to it again.
import { z } from 'zod';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listDeliveries } from './webhook.queries.js';
import type { One, Place, WebhookRouteDependencies } from './webhook.routes.js';
import { DeliveryQuery, DeliveryView, presentDelivery, Replays, ReplaysView } from './webhook.schema.js';

interface OneDelivery extends One {
  delivery_id: string;
}

export function deliveriesAt({ prefix, whose, params, owner, reads, sends }: Place, deps: WebhookRouteDependencies) {
  const { db, webhooks, webhookDeliveries } = deps;
  const path = `${prefix}/webhooks/:webhook_id`;
  const Params = z.strictObject({ ...params, webhook_id: z.uuid() }) as z.ZodType<One>;
  const DeliveryParams = z.strictObject({
    ...params,
    webhook_id: z.uuid(),
    delivery_id: z.uuid(),
  }) as z.ZodType<OneDelivery>;
  const found = async (params: One) => webhooks.find(await owner(params), params.webhook_id);
  return [
    endpoint({
      method: 'post',
      path: `${path}/tests`,
      scope: 'webhooks:write',
      ...sends,
      summary: `Send webhook.test to a webhook of ${whose}`,
      params: Params,
      status: 202,
      response: DeliveryView,
      handle: async ({ params }) => presentDelivery(await webhookDeliveries.test(await found(params))),
    }),
    endpoint({
      method: 'get',
      path: `${path}/deliveries`,
      scope: 'webhooks:read',
      ...reads,
      summary: `List what a webhook of ${whose} was sent, newest first`,
      params: Params,
      query: DeliveryQuery,
      response: pageOf(DeliveryView),
      async handle({ params, query }) {
        const webhook = await found(params);
        return mapPage(await db.reading(() => listDeliveries(db, webhook, query)), presentDelivery);
      },
    }),
    endpoint({
      method: 'get',
      path: `${path}/deliveries/:delivery_id`,
      scope: 'webhooks:read',
      ...reads,
      summary: 'Read what became of a delivery',
      params: DeliveryParams,
      response: DeliveryView,
      handle: async ({ params }) =>
        presentDelivery(await webhookDeliveries.find(await found(params), params.delivery_id)),
    }),
    endpoint({
      method: 'post',
      path: `${path}/deliveries/:delivery_id/replays`,
      scope: 'webhooks:write',
      ...sends,
      summary: 'Send a delivery again, with the webhook-id it had',
      params: DeliveryParams,
      status: 202,
      response: DeliveryView,
      async handle({ params }) {
        const webhook = await found(params);
        const delivery = await webhookDeliveries.find(webhook, params.delivery_id);
        return presentDelivery(await webhookDeliveries.replay(webhook, delivery));
      },
    }),
    endpoint({
      method: 'post',
      path: `${path}/replays`,
      scope: 'webhooks:write',
      ...sends,
      summary: 'Send again what was given up, or what was taken, of a span of time',
      description: 'Up to 10,000, the oldest first; asked again, it goes on with the rest.',
      params: Params,
      body: Replays,
      status: 202,
      response: ReplaysView,
      handle: async ({ params, body }) => ({
        deliveries: await webhookDeliveries.replayAll(await found(params), body),
      }),
    }),
  ];
}
