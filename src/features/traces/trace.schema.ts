import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import { type Recorded, Recording } from './recording.js';
import { TRACE_KINDS, TRACE_OUTCOMES, type Trace } from './trace.entity.js';
import type { Finding } from './traces.js';

export const TraceQuery = z.strictObject({
  ...pageQuery,
  client_id: z.string().max(256).optional().meta({ description: 'Refusals of this client' }),
  kind: z.enum(TRACE_KINDS).optional().meta({ description: 'Refused requests, or sign-ins at identity providers' }),
  connection_id: z.uuid().optional().meta({ description: 'Sign-ins at this connection' }),
  outcome: z.enum(TRACE_OUTCOMES).optional(),
});
export type TraceQuery = z.infer<typeof TraceQuery>;

/** As people read it aloud or type it. */
export const TraceParams = z.strictObject({ trace_id: z.string().max(64).toUpperCase() });

export const TraceView = z
  .object({
    id: z.string().meta({ description: 'The last part of the `error_uri` that the client was told' }),
    kind: z.enum(TRACE_KINDS),
    outcome: z
      .enum(TRACE_OUTCOMES)
      .meta({ description: '`pending`: the identity provider was believed, and nobody has come in by it yet' }),
    client_id: z.string().nullable(),
    connection_id: z.uuid().nullable(),
    user_id: z.uuid().nullable(),
    endpoint: z.string(),
    error: z.string().meta({ description: 'Empty where nothing was refused' }),
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
  recording: Recording.nullable().meta({ description: 'Of a sign-in at an identity provider, step by step' }),
  can_validate: z.boolean().meta({ description: 'Whether what was received was kept, to be looked at again' }),
}).meta({ id: 'TraceDetail' });

/** What it would be today. */
export const TraceValidation = z
  .object({ outcome: z.enum(['passed', 'failed']), checks: Recording.shape.checks })
  .meta({ id: 'TraceValidation' });

export const present = (trace: Trace) => ({
  id: trace.id,
  kind: trace.kind,
  outcome: trace.outcome,
  client_id: trace.clientId,
  connection_id: trace.connectionId,
  user_id: trace.userId,
  endpoint: trace.endpoint,
  error: trace.error,
  description: trace.description,
  request_id: trace.requestId,
  occurred_at: trace.occurredAt.toISOString(),
});

export const presentDetail = (trace: Trace, findings: Finding[], recorded: Recorded | undefined) => ({
  ...present(trace),
  steps: trace.steps,
  findings,
  recording: recorded ?? null,
  can_validate: recorded?.message !== undefined,
});
