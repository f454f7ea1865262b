import type { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { Trace } from './trace.entity.js';
import { listTraces } from './trace.queries.js';
import {
  present,
  presentDetail,
  TraceDetail,
  TraceParams,
  TraceQuery,
  TraceValidation,
  TraceView,
} from './trace.schema.js';
import type { Traces } from './traces.js';

export const traceRoutes = (
  db: Database,
  traces: Traces,
  validation: { of(trace: Trace): Promise<z.input<typeof TraceValidation>> },
) => [
  endpoint({
    method: 'get',
    path: '/traces',
    scope: 'traces:read',
    summary: 'List requests that were refused, and sign-ins at identity providers, newest first',
    query: TraceQuery,
    response: pageOf(TraceView),
    handle: async ({ query }) => mapPage(await db.reading(() => listTraces(db, query)), present),
  }),
  endpoint({
    method: 'get',
    path: '/traces/:trace_id',
    scope: 'traces:read',
    summary: 'Read why a request was refused, or how a sign-in went, and which setting to change',
    params: TraceParams,
    response: TraceDetail,
    async handle({ params }) {
      const trace = await traces.find(params.trace_id);
      return presentDetail(trace, traces.findingsOf(trace), traces.recordedOf(trace));
    },
  }),
  endpoint({
    method: 'post',
    path: '/traces/:trace_id/validations',
    scope: 'traces:read',
    summary: 'Look at what an identity provider had sent with the settings of today: nobody is signed in by it',
    params: TraceParams,
    response: TraceValidation,
    handle: async ({ params }) => validation.of(await traces.find(params.trace_id)),
  }),
];
