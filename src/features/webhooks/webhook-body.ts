// What a message says of an event: what an administrator reads of it in the audit log, and nothing else.
import { AuditEventView, present } from '../audit/audit.schema.js';
import type { AuditEvent } from '../audit/audit-event.entity.js';
import type { WebhookEndpoint } from './webhook-endpoint.entity.js';

/**
 * Standard Webhooks 1.0, §Payload structure. An organization is told what happened in it and who did it, not from where: that may be an
 * administrator of the tenant, whose address is nothing of theirs.
 */
export function bodyOf(event: AuditEvent, { organizationId }: Pick<WebhookEndpoint, 'organizationId'>): string {
  const seen = AuditEventView.parse(present(event));
  const data = organizationId === null ? seen : { ...seen, ip: null, user_agent: null };
  return JSON.stringify({ type: event.name, timestamp: data.occurred_at, data });
}
