import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import { UserOperation } from '../accounts/user-bulk.schema.js';
import { AuditFilter } from '../audit/audit.schema.js';
import { ExportFormatChoice } from '../audit-proof/export-formats.js';
import { JOB_ERRORS, JOB_KINDS, JOB_STATUSES, type Job, type JobKindName } from './job.entity.js';

/** As long as a hundred times what one request changes. */
const MOST_OPERATIONS = 10_000;

const kind = z.enum(JOB_KINDS).meta({
  description:
    'audit_export needs audit:export and takes format and filter; users_bulk needs users:write and takes operations',
});
const AuditFilters = z.strictObject(AuditFilter);

/** Whose the members are, beside the kind itself. */
const MEMBERS: Readonly<Record<JobKindName, readonly ('format' | 'filter' | 'operations')[]>> = {
  audit_export: ['format', 'filter'],
  users_bulk: ['operations'],
};

export const StartJob = z
  .strictObject({
    kind,
    format: ExportFormatChoice.optional(),
    filter: AuditFilters.optional(),
    operations: z.array(UserOperation).min(1).max(MOST_OPERATIONS).optional(),
  })
  .superRefine((asked, { addIssue }) => {
    for (const member of ['format', 'filter', 'operations'] as const)
      if (asked[member] !== undefined && !MEMBERS[asked.kind].includes(member))
        addIssue({ code: 'custom', path: [member], message: `is nothing of ${asked.kind}` });
    if (asked.kind === 'users_bulk' && !asked.operations)
      addIssue({ code: 'custom', path: ['operations'], message: 'says what is to be done' });
  });
export type StartJob = z.output<typeof StartJob>;

export const JobParams = z.strictObject({ job_id: z.uuid() });

export const JobQuery = z.strictObject({
  ...pageQuery,
  kind: z.enum(JOB_KINDS).optional(),
  status: z.enum(JOB_STATUSES).optional(),
});
export type JobQuery = z.output<typeof JobQuery>;

export const JobView = z
  .object({
    id: z.uuid(),
    kind: z.enum(JOB_KINDS),
    status: z.enum(JOB_STATUSES),
    asked_by: z.object({ type: z.enum(['user', 'client', 'api_key']), id: z.string() }),
    parameters: z.object({
      format: ExportFormatChoice.optional(),
      filter: z.object(AuditFilter).optional(),
      operations: z.int().optional().meta({ description: 'How many' }),
    }),
    progress: z.object({
      done: z.int(),
      total: z.int().nullable().meta({ description: 'null where nobody has counted yet, or more than a million' }),
    }),
    counts: z
      .record(z.string(), z.int())
      .meta({ description: 'What became of what was done, as succeeded and failed' }),
    error: z.enum(JOB_ERRORS).nullable().meta({
      description: 'permission_lost: whoever asked may not do this any more, or not come in',
    }),
    result: z
      .object({ type: z.string(), name: z.string(), bytes: z.int() })
      .nullable()
      .meta({ description: 'The file that GET /jobs/{job_id}/result answers, once there is one' }),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    ended_at: z.iso.datetime().nullable(),
    expires_at: z.iso.datetime().nullable().meta({ description: 'When it goes, with its result' }),
  })
  .meta({ id: 'Job' });

export const present = (job: Job, file: { type: string; name: string; bytes: number } | undefined) => ({
  id: job.id,
  kind: job.kind,
  status: job.status,
  asked_by: { type: job.actorType, id: job.actorId },
  parameters: job.params,
  progress: { done: job.done, total: job.total },
  counts: job.counts,
  error: job.error,
  result: file ?? null,
  created_at: job.createdAt.toISOString(),
  started_at: job.startedAt?.toISOString() ?? null,
  ended_at: job.endedAt?.toISOString() ?? null,
  expires_at: job.expiresAt?.toISOString() ?? null,
});
