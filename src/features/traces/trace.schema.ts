import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import type { Trace } from './trace.entity.js';
import type { Finding } from './traces.js';

export const TraceQuery = z.strictObject({
  ...pageQuery,
  client_id: z.string().max(256).optional().meta({ description: 'Refusals of this client' }),
});
export type TraceQuery = z.infer<typeof TraceQuery>;

/** As people read it aloud or type it. */
export const TraceParams = z.strictObject({ trace_id: z.string().max(64).toUpperCase() });

export const TraceView = z
  .object({
    id: z.string().meta({ description: 'The last part of the `error_uri` that the client was told' }),
    client_id: z.string().nullable(),
    endpoint: z.string(),
    error: z.string(),
    description: z.string().nullable(),
    request_id: z.string().nullable(),
    occurred_at: z.iso.datetime(),
  })
  .meta({ id: 'Trace' });

const Values = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]));

export const TraceDetail = TraceView.extend({
  steps: z.array(z.object({ step: z.string(), outcome: z.enum(['passed', 'failed']), detail: z.string().optional() })),
  findings: z.array(
    z.object({
      check: z.string(),
      advice: z.string(),
      setting: z.string().nullable().meta({ description: 'What to change; null where the request has to be another' }),
      seen: Values.meta({ description: 'What was sent, cut; never a secret, a code or a token' }),
      registered: Values,
    }),
  ),
}).meta({ id: 'TraceDetail' });

export const present = (trace: Trace) => ({
  id: trace.id,
  client_id: trace.clientId,
  endpoint: trace.endpoint,
  error: trace.error,
  description: trace.description,
  request_id: trace.requestId,
  occurred_at: trace.occurredAt.toISOString(),
});

export const presentDetail = (trace: Trace, findings: Finding[]) => ({
  ...present(trace),
  steps: trace.steps,
  findings,
});
