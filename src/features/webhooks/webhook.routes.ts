// The same endpoints twice: for what the tenant tells, and below each organization for its own.
import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { organizationParam } from '../organizations/organization.schema.js';
import type { OrganizationService } from '../organizations/organization.service.js';
import { listWebhooks } from './webhook.queries.js';
import {
  CreatedWebhookView,
  CreateWebhook,
  present,
  RotateSecret,
  UpdateWebhook,
  WebhookQuery,
  WebhookSecretView,
  WebhookView,
} from './webhook.schema.js';
import type { Owner, WebhookService } from './webhook.service.js';
import type { WebhookDeliveries } from './webhook-deliveries.js';
import { deliveriesAt } from './webhook-delivery.routes.js';

export interface WebhookRouteDependencies {
  db: Database;
  organizations: Pick<OrganizationService, 'find'>;
  webhooks: WebhookService;
  webhookDeliveries: WebhookDeliveries;
}

interface Whose {
  organization?: string;
}

export interface One extends Whose {
  webhook_id: string;
}

/** Where they are: whose, and who may ask by the session of their account. */
export interface Place {
  prefix: string;
  whose: string;
  /** What it takes beside the scope to say what is told where. */
  besides: string;
  params: typeof organizationParam | Record<string, never>;
  owner(params: Whose): Promise<Owner>;
  reads: { member?: 'admin' };
  /** Whoever says where messages go, or what they are signed with, shows who they are. */
  writes: { member?: 'admin'; proof?: 'always' };
  /** Only what was agreed to is sent. */
  sends: { member?: 'admin'; proof?: 'never' };
}

export function webhookRoutes(deps: WebhookRouteDependencies) {
  const ofTenant: Place = {
    prefix: '',
    whose: 'the tenant',
    besides: ' What is told is the audit log: it takes audit:read too.',
    params: {},
    owner: async () => null,
    reads: {},
    writes: {},
    sends: {},
  };
  const ofOrganization: Place = {
    prefix: '/organizations/:organization',
    whose: 'an organization',
    besides: '',
    params: organizationParam,
    owner: ({ organization = '' }) => deps.organizations.find(organization),
    reads: { member: 'admin' },
    writes: { member: 'admin', proof: 'always' },
    sends: { member: 'admin', proof: 'never' },
  };
  return [ofTenant, ofOrganization].flatMap((place) => [
    ...collectionAt(place, deps),
    ...oneAt(place, deps),
    ...deliveriesAt(place, deps),
  ]);
}

function collectionAt({ prefix, whose, besides, params, owner, reads, writes }: Place, deps: WebhookRouteDependencies) {
  const { db, webhooks } = deps;
  const path = `${prefix}/webhooks`;
  const Params = z.strictObject(params) as z.ZodType<Whose>;
  return [
    endpoint({
      method: 'get',
      path,
      scope: 'webhooks:read',
      ...reads,
      summary: `List whom ${whose} tells of what happens`,
      params: Params,
      query: WebhookQuery,
      response: pageOf(WebhookView),
      async handle({ params, query }) {
        const whose = await owner(params);
        await webhooks.assertReads(whose);
        return mapPage(await db.reading(() => listWebhooks(db, whose?.id ?? null, query)), present);
      },
    }),
    endpoint({
      method: 'post',
      path,
      scope: 'webhooks:write',
      ...writes,
      summary: `Have somebody told of what happens, for ${whose}`,
      description: `From now on. The secret that messages are signed with is shown this once.${besides}`,
      params: Params,
      body: CreateWebhook,
      status: 201,
      response: CreatedWebhookView,
      async handle({ params, body }) {
        const { webhook, secret } = await webhooks.create(await owner(params), body);
        return { ...present(webhook), secret };
      },
    }),
  ];
}

function oneAt({ prefix, whose, params, owner, reads, writes }: Place, { webhooks }: WebhookRouteDependencies) {
  const path = `${prefix}/webhooks/:webhook_id`;
  const Params = z.strictObject({ ...params, webhook_id: z.uuid() }) as z.ZodType<One>;
  const found = async (params: One) => {
    const whose = await owner(params);
    return [whose, await webhooks.find(whose, params.webhook_id)] as const;
  };
  return [
    endpoint({
      method: 'get',
      path,
      scope: 'webhooks:read',
      ...reads,
      summary: `Read a webhook of ${whose}`,
      params: Params,
      response: WebhookView,
      handle: async ({ params }) => present((await found(params))[1]),
    }),
    endpoint({
      method: 'patch',
      path,
      scope: 'webhooks:write',
      ...writes,
      summary: `Change a webhook of ${whose} (RFC 7396)`,
      params: Params,
      body: UpdateWebhook,
      response: WebhookView,
      handle: async ({ params, body, ifMatch }) =>
        present(await webhooks.update(...(await found(params)), body, ifMatch)),
    }),
    endpoint({
      method: 'delete',
      path,
      scope: 'webhooks:write',
      ...writes,
      summary: `Delete a webhook of ${whose}, and what waits to be sent to it`,
      params: Params,
      async handle({ params, ifMatch }) {
        await webhooks.delete(...(await found(params)), ifMatch);
      },
    }),
    endpoint({
      method: 'put',
      path: `${path}/enablement`,
      scope: 'webhooks:write',
      ...writes,
      summary: `Enable a webhook of ${whose}`,
      description: 'What waited is sent now. What happened while it was disabled is not.',
      params: Params,
      handle: async ({ params }) => webhooks.enable(...(await found(params))),
    }),
    endpoint({
      method: 'delete',
      path: `${path}/enablement`,
      scope: 'webhooks:write',
      ...writes,
      summary: `Disable a webhook of ${whose}`,
      params: Params,
      handle: async ({ params }) => webhooks.disable(...(await found(params))),
    }),
    endpoint({
      method: 'post',
      path: `${path}/secrets`,
      scope: 'webhooks:write',
      ...writes,
      summary: `Sign the messages of a webhook of ${whose} with another secret`,
      description: 'Both sign for a while, so that the receiver can be given the new one.',
      params: Params,
      body: RotateSecret,
      status: 201,
      response: WebhookSecretView,
      async handle({ params, body }) {
        const { webhook, secret } = await webhooks.rotate(...(await found(params)), body.overlap_hours);
        return { secret, previous_secret_until: webhook.previousUntil?.toISOString() ?? null };
      },
    }),
  ];
}
