import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { type EndpointRequest, endpoint } from '../../platform/endpoint.js';
import type { StreamEvent } from '../../platform/event-streams.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listAuditEvents } from './audit.queries.js';
import { AuditEventView, AuditQuery, AuditStreamQuery, present } from './audit.schema.js';
import { tailAudit } from './audit-tail.js';

export const auditRoutes = (db: Database, clock: Clock) => [
  endpoint({
    method: 'get',
    path: '/audit-events',
    scope: 'audit:read',
    summary: 'List what happened, newest first',
    query: AuditQuery,
    response: pageOf(AuditEventView),
    handle: async ({ query }) => mapPage(await db.reading(() => listAuditEvents(db, query)), present),
  }),
  endpoint({
    method: 'get',
    path: '/audit-events/stream',
    scope: 'audit:read',
    summary: 'Listen to what happens, as server-sent events',
    description:
      'Asked for with `Accept: text/event-stream`, it goes on until the access token ends. `Last-Event-ID` goes on where a listener left off; what happened around that event comes again.',
    stream: true,
    query: AuditStreamQuery,
    response: AuditEventView,
    handle: async ({ query, listening }) => told(db, clock, query.event, listening),
  }),
];

async function* told(
  db: Database,
  clock: Clock,
  events: readonly string[] | undefined,
  listening: EndpointRequest<unknown, unknown, unknown>['listening'],
): AsyncGenerator<StreamEvent> {
  if (!listening) return;
  const { lastEventId: after, signal } = listening;
  for await (const event of tailAudit(db, clock, { events, after }, signal))
    yield { id: event.id, event: event.name, data: present(event) };
}
