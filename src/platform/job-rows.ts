// The rows of the queue: what lies in them, how one is added and how many there are. jobs.ts knows what they are for.
import { z } from 'zod';
import type { Database, Statement } from './database.js';

/** As it lies in the row: the context of whoever enqueued it travels with the payload. */
const Envelope = z.object({ tenant_id: z.string().optional(), request_id: z.string(), data: z.unknown() });

const addJob: Statement = {
  name: 'job_add',
  text: `SELECT graphile_worker.add_job(identifier => $1, payload => $2::json, run_at => $3::timestamptz,
    max_attempts => $4::int, job_key => $5, job_key_mode => $6)`,
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
    const envelope = JSON.stringify({ tenant_id: job.tenantId, request_id: job.requestId, data });
    const runAt = job.runAt?.toISOString() ?? null;
    await this.database.execute(addJob, [name, envelope, runAt, job.maxAttempts ?? null, job.key ?? null, keyMode]);
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

export const readEnvelope = (payload: unknown): z.infer<typeof Envelope> => Envelope.parse(payload);

export const recurringKey = (name: string): string => `every:${name}`;
