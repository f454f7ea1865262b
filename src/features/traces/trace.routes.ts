import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listTraces } from './trace.queries.js';
import { present, presentDetail, TraceDetail, TraceParams, TraceQuery, TraceView } from './trace.schema.js';
import type { Traces } from './traces.js';

export const traceRoutes = (db: Database, traces: Traces) => [
  endpoint({
    method: 'get',
    path: '/traces',
    scope: 'traces:read',
    summary: 'List requests that were refused, newest first',
    query: TraceQuery,
    response: pageOf(TraceView),
    handle: async ({ query }) => mapPage(await db.reading(() => listTraces(db, query)), present),
  }),
  endpoint({
    method: 'get',
    path: '/traces/:trace_id',
    scope: 'traces:read',
    summary: 'Read why a request was refused, and which setting to change',
    params: TraceParams,
    response: TraceDetail,
    async handle({ params }) {
      const trace = await traces.find(params.trace_id);
      return presentDetail(trace, traces.findingsOf(trace));
    },
  }),
];
