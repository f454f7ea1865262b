// The rows of the queue: what lies in them, how one is added and how many there are. jobs.ts knows what they are for.
import { z } from 'zod';
import type { Database, Statement } from './database.js';

/** As it lies in the row: the context of whoever enqueued it travels with the payload. */
const Envelope = z.object({ tenant_id: z.string().optional(), request_id: z.string(), data: z.unknown() });

const addJob: Statement = {
  name: 'job_add',
  text: `SELECT graphile_worker.add_job(identifier => $1, payload => $2::json, run_at => $3::timestamptz,
    max_attempts => $4::int, job_key => $5, job_key_mode => $6, queue_name => $7, priority => $8::int)`,
};
const addJobs: Statement = {
  name: 'job_add_many',
  text: `SELECT graphile_worker.add_job(identifier => $1, payload => job.envelope, queue_name => job.queue, priority => $3::int)
    FROM jsonb_to_recordset($2::jsonb) AS job (envelope json, queue text)`,
};
const queueLength: Statement = {
  name: 'job_queue_length',
  text: `SELECT count(*) FILTER (WHERE alive AND locked_at IS NULL AND run_at <= now())::int AS due,
      count(*) FILTER (WHERE locked_at IS NOT NULL)::int AS running,
      count(*) FILTER (WHERE alive AND locked_at IS NULL AND run_at > now())::int AS later,
      count(*) FILTER (WHERE NOT alive AND locked_at IS NULL)::int AS dead,
      COALESCE(extract(epoch FROM now() - min(run_at) FILTER (WHERE alive AND locked_at IS NULL AND run_at <= now())), 0)::float8 AS oldest
    FROM (SELECT locked_at, run_at, attempts < max_attempts AS alive FROM graphile_worker.jobs) AS job`,
};

/** How many jobs there are by state, and for how many seconds the oldest due one has waited. */
export interface Queue {
  due: number;
  running: number;
  later: number;
  dead: number;
  oldest: number;
}

interface JobRow {
  requestId: string;
  tenantId?: string | undefined;
  runAt?: Date | undefined;
  maxAttempts?: number | undefined;
  key?: string | undefined;
  queue?: string | undefined;
  priority?: number | undefined;
}

export class JobRows {
  constructor(private readonly database: Database) {}

  /** On the surrounding transaction. */
  async add(
    name: string,
    data: object,
    job: JobRow,
    keyMode: 'replace' | 'preserve_run_at' = 'replace',
  ): Promise<void> {
    await this.database.execute(addJob, [
      name,
      JSON.stringify(envelopeOf(job, data)),
      job.runAt?.toISOString() ?? null,
      job.maxAttempts ?? null,
      job.key ?? null,
      keyMode,
      job.queue ?? null,
      job.priority ?? null,
    ]);
  }

  /** One statement for all of them, on the surrounding transaction. */
  async addMany(
    name: string,
    jobs: readonly { data: object; queue: string | undefined }[],
    common: Pick<JobRow, 'requestId' | 'tenantId' | 'priority'>,
  ): Promise<void> {
    const rows = jobs.map(({ data, queue }) => ({ envelope: envelopeOf(common, data), queue: queue ?? null }));
    await this.database.execute(addJobs, [name, JSON.stringify(rows), common.priority ?? null]);
  }

  /** The key keeps it to one job for all processes; one that waits already keeps its time. */
  async recur(name: string, runAt: Date): Promise<void> {
    await this.add(name, {}, { runAt, key: recurringKey(name), requestId: recurringKey(name) }, 'preserve_run_at');
  }

  async queue(): Promise<Queue> {
    const [found] = await this.database.execute<Queue>(queueLength, []);
    return found as Queue;
  }
}

const envelopeOf = ({ tenantId, requestId }: Pick<JobRow, 'requestId' | 'tenantId'>, data: object) => ({
  tenant_id: tenantId,
  request_id: requestId,
  data,
});

export const readEnvelope = (payload: unknown): z.infer<typeof Envelope> => Envelope.parse(payload);

export const recurringKey = (name: string): string => `every:${name}`;
