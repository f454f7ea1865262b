import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import type { AuditEvent } from './audit-event.entity.js';

/** What the list and the export are asked for: each is found by an index. */
export const AuditFilter = {
  user_id: z.string().max(256).optional().meta({ description: 'Id of the user to whom it happened' }),
  name: z.string().max(100).optional().meta({ description: 'Name of the event, as in client.created' }),
  actor: z.string().max(256).optional().meta({ description: 'Id of the user, client or API key that did it' }),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
};

export const AuditQuery = z.strictObject({ ...pageQuery, ...AuditFilter });
export type AuditQuery = z.infer<typeof AuditQuery>;

export const AuditStreamQuery = z.strictObject({
  event: z
    .array(z.string().max(100))
    .max(50)
    .optional()
    .meta({ description: 'Names of events, or `user.*` for all of a noun; all where none is said' }),
});

export const AuditEventView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    data: z.record(z.string(), z.unknown()),
    actor: z.object({ type: z.enum(['user', 'client', 'system', 'api_key']), id: z.string() }).nullable(),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    request_id: z.string().nullable(),
    occurred_at: z.iso.datetime(),
  })
  .meta({ id: 'AuditEvent' });

export const present = (event: AuditEvent) => ({
  id: event.id,
  name: event.name,
  data: event.data,
  actor: event.actorType && event.actorId ? { type: event.actorType, id: event.actorId } : null,
  ip: event.ip,
  user_agent: event.userAgent,
  request_id: event.requestId,
  occurred_at: event.occurredAt.toISOString(),
});
