import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { AUDIT_EVENT_NAMES } from '../audit/audit.names.js';
import { isWebUri } from '../clients/redirect-uri.js';
import { DELIVERY_STATUSES, type WebhookDelivery } from './webhook-delivery.entity.js';
import { DISABLED_REASONS, type WebhookEndpoint } from './webhook-endpoint.entity.js';

const FILTERS = new Set<string>([
  '*',
  ...AUDIT_EVENT_NAMES,
  ...AUDIT_EVENT_NAMES.map((name) => `${name.split('.')[0]}.*`),
]);

const url = z
  .string()
  .max(2048)
  .refine((value) => isWebUri(value) && !value.includes('#'), 'must be https, without credentials and fragment')
  .meta({ description: 'Where messages are sent: https, at a public address' });
const events = z
  .array(z.string().refine((name) => FILTERS.has(name), 'is no event, and no noun of one with .* behind it'))
  .min(1)
  .max(100)
  .refine((names) => new Set(names).size === names.length, 'must not say the same twice')
  .meta({ description: 'Names of events as in the audit log, `user.*` for all of a noun, `*` for all' });
const description = plainText(200);

export const CreateWebhook = z.strictObject({ url, events, description: description.optional() });
export type CreateWebhook = z.output<typeof CreateWebhook>;

/** RFC 7396. */
export const UpdateWebhook = z.strictObject({
  url: url.optional(),
  events: events.optional(),
  description: description.nullable().optional(),
});
export type UpdateWebhook = z.output<typeof UpdateWebhook>;

export const RotateSecret = z
  .strictObject({
    overlap_hours: z.int().min(0).max(168).default(24).meta({
      description: 'How long the old secret signs beside the new one; 0 where somebody else has it',
    }),
  })
  .prefault({});

export const WebhookQuery = z.strictObject(pageQuery);
export type WebhookQuery = z.output<typeof WebhookQuery>;

export const DeliveryQuery = z.strictObject({ ...pageQuery, status: z.enum(DELIVERY_STATUSES).optional() });
export type DeliveryQuery = z.output<typeof DeliveryQuery>;

export const Replays = z.strictObject({
  status: z.enum(['dead', 'delivered']).default('dead').meta({ description: 'Which of them are sent again' }),
  from: z.iso.datetime({ offset: true }).meta({ description: 'Of events that happened from then on' }),
  to: z.iso.datetime({ offset: true }).meta({ description: 'and before then' }),
});
export type Replays = z.output<typeof Replays>;

export const ReplaysView = z.object({ deliveries: z.int() }).meta({ id: 'WebhookReplays' });

export const WebhookView = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid().nullable(),
    url,
    description: z.string().nullable(),
    events: z.array(z.string()),
    enabled_at: z.iso.datetime().nullable(),
    disabled_reason: z.enum(DISABLED_REASONS).nullable(),
    failing_since: z.iso.datetime().nullable().meta({ description: 'Since when nothing was taken that was sent' }),
    previous_secret_until: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Webhook' });

export const present = (one: WebhookEndpoint) => ({
  id: one.id,
  organization_id: one.organizationId,
  url: one.url,
  description: one.description,
  events: one.events,
  enabled_at: one.enabledAt?.toISOString() ?? null,
  disabled_reason: one.disabledReason,
  failing_since: one.failingSince?.toISOString() ?? null,
  previous_secret_until: one.previousUntil?.toISOString() ?? null,
  created_at: one.createdAt.toISOString(),
  updated_at: one.updatedAt.toISOString(),
  version: one.version,
});

const secret = z.string().meta({ description: 'What messages are signed with: shown this once' });
export const CreatedWebhookView = WebhookView.extend({ secret }).meta({ id: 'CreatedWebhook' });
export const WebhookSecretView = z
  .object({ secret, previous_secret_until: z.iso.datetime().nullable() })
  .meta({ id: 'WebhookSecret' });

export const DeliveryView = z
  .object({
    id: z.uuid().meta({ description: 'Of the event in the audit log; receivers know it as webhook-id' }),
    event: z.string(),
    status: z.enum(DELIVERY_STATUSES).meta({ description: 'dead: given up, and waiting for somebody to look at it' }),
    attempts: z.array(
      z.object({
        at: z.iso.datetime(),
        attempt: z.int(),
        status: z.int().nullable(),
        error: z.string().nullable(),
        duration_ms: z.int(),
        answer: z.string().meta({ description: 'Its first kilobyte' }),
      }),
    ),
    next_attempt_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
    done_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WebhookDelivery' });

export const presentDelivery = (one: WebhookDelivery) => ({
  id: one.eventId,
  event: one.eventName,
  status: one.status,
  attempts: one.log,
  next_attempt_at: one.status === 'queued' ? one.nextAt.toISOString() : null,
  created_at: one.createdAt.toISOString(),
  done_at: one.doneAt?.toISOString() ?? null,
});
