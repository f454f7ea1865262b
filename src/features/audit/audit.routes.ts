import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listAuditEvents } from './audit.queries.js';
import { AuditEventView, AuditQuery, present } from './audit.schema.js';

export const auditRoutes = (db: Database) => [
  endpoint({
    method: 'get',
    path: '/audit-events',
    scope: 'audit:read',
    summary: 'List what happened, newest first',
    query: AuditQuery,
    response: pageOf(AuditEventView),
    handle: async ({ query }) => mapPage(await db.reading(() => listAuditEvents(db, query)), present),
  }),
];
