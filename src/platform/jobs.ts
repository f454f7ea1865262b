// Work that outlives its request: an outbox in the database, written in the transaction of the change and drained by a worker.
// Handed off to: graphile-worker, which locks, retries with back-off and keeps what failed for good.
import { Logger, type RunnerOptions, runMigrations } from 'graphile-worker';
import type { Pool } from 'pg';
import type { z } from 'zod';
import { currentContext, runInContext } from './context.js';
import type { Database } from './database.js';
import { JobRows, type Queue, readEnvelope, recurringKey } from './job-rows.js';
import { Drain } from './jobs-embedded.js';
import { Listener } from './jobs-server.js';
import type { Tracing } from './tracing.js';

export interface TaskHelpers {
  jobId: string;
  /** Counts from 1. */
  attempt: number;
  /** What fails now will not be tried again. */
  lastAttempt: boolean;
  /** Aborted when the process stops and cannot wait much longer. */
  signal: AbortSignal;
}

export interface Task<S extends z.ZodType = z.ZodType> {
  schema: S;
  /** May run twice for one enqueue: a process can die between the work and its record. Takes less than 15 minutes. */
  run(payload: z.output<S>, helpers: TaskHelpers): Promise<void>;
  /** Seconds between runs, without anybody enqueueing, for one process of all. Its schema accepts {}; a failed run waits for the next. */
  every?: number;
  /** Of those that name one queue one is done at a time, so that they hold up nobody else. Up to 127 characters. */
  queue?(payload: z.output<S>, tenantId: string | undefined): string;
  /** 0 unless said otherwise; what is due with a smaller one goes first. */
  priority?: number;
}

/** Ties the payload to its schema. */
export const task = <S extends z.ZodType>(definition: Task<S>): Task => definition as unknown as Task;

export interface EnqueueOptions {
  runAt?: Date;
  /** 25 unless said otherwise: about three days with exponential back-off. */
  maxAttempts?: number;
  /** Replaces a job of the same key that has not begun. */
  key?: string;
}

export interface JobLogger {
  error(message: string): unknown;
  warn(message: string): unknown;
  debug(message: string): unknown;
}

export interface JobsOptions {
  /** One connection and no LISTEN: jobs are drained after each commit that enqueued one, and when the next is due. */
  embedded: boolean;
  logger?: JobLogger;
  /** Jobs at a time in this process. */
  concurrency?: number;
  /** Whether work for this tenant may be done: later means that it is put off by a minute, never that it is dropped. */
  admit?: (tenantId: string) => Promise<'now' | 'later' | 'never'>;
  /** The server itself, where the database is reached through a pooler: LISTEN belongs to a session. */
  url?: string | undefined;
  /** Milliseconds for jobs under way when the process stops; after 5 seconds they have been asked to end. */
  patienceMs?: number;
  tracing?: Tracing | undefined;
}

const laterMs = 60_000;

/** What drains the queue: jobs-embedded.ts or jobs-server.ts. */
export interface Worker {
  /** There may be something to do. */
  wake(): void;
  /** @param patienceMs for the jobs under way; those that take longer are left to whoever comes next. */
  stop(patienceMs: number): Promise<void>;
}

export class Jobs {
  private readonly logger: JobLogger;
  private readonly concurrency: number;
  private readonly embedded: boolean;
  private readonly admit: NonNullable<JobsOptions['admit']>;
  private readonly url: string | undefined;
  private readonly patienceMs: number;
  private readonly rows: JobRows;
  private readonly tracing: Tracing | undefined;
  private worker: Worker | undefined;

  constructor(
    private readonly database: Database,
    private readonly tasks: Record<string, Task>,
    {
      embedded,
      logger = silent,
      concurrency = 4,
      admit = async () => 'now',
      url,
      patienceMs = 15_000,
      tracing,
    }: JobsOptions,
  ) {
    this.rows = new JobRows(database);
    this.embedded = embedded;
    this.url = url;
    this.patienceMs = patienceMs;
    this.tracing = tracing;
    this.logger = logger;
    this.concurrency = concurrency;
    this.admit = admit;
  }

  /** Makes or updates the tables of the queue. */
  static async migrate(pool: Pool): Promise<void> {
    await runMigrations({ pgPool: listenedTo(pool), logger: graphileLogger(silent) });
  }

  /**
   * One statement on the surrounding transaction: no job without its change, no change without its job.
   * @throws ZodError when the payload is not what the task takes.
   */
  async enqueue(name: string, payload: object, { runAt, maxAttempts, key }: EnqueueOptions = {}): Promise<void> {
    const { tenantId, requestId = 'none' } = currentContext() ?? {};
    const place = this.place(name, payload, tenantId);
    await this.rows.add(name, payload, { runAt, maxAttempts, key, tenantId, requestId, ...place });
    await this.database.afterCommit(() => this.worker?.wake());
  }

  /** As many as there are in one statement, each a job of its own. @throws ZodError when a payload is not what the task takes. */
  async enqueueAll(name: string, payloads: readonly object[]): Promise<void> {
    const { tenantId, requestId = 'none' } = currentContext() ?? {};
    const jobs = payloads.map((data) => ({ data, queue: this.place(name, data, tenantId).queue }));
    await this.rows.addMany(name, jobs, { tenantId, requestId, priority: this.tasks[name]?.priority });
    await this.database.afterCommit(() => this.worker?.wake());
  }

  async start(): Promise<void> {
    if (this.worker) return;
    const options: RunnerOptions = {
      ...(this.url
        ? { connectionString: this.url, maxPoolSize: this.concurrency + 2 }
        : { pgPool: listenedTo(this.database.pool) }),
      taskList: Object.fromEntries(Object.keys(this.tasks).map((name) => [name, this.runTask(name)])),
      concurrency: this.concurrency,
      logger: graphileLogger(this.logger),
      // The process decides when it stops; no crontab file is looked for.
      noHandleSignals: true,
      parsedCronItems: [],
      // Without a batch, a connection lost while a job is ticked off is a rejection nobody handles, and ends the process.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    };
    for (const [name, { every }] of Object.entries(this.tasks)) if (every) await this.rows.recur(name, new Date());
    this.worker = this.embedded
      ? await Drain.start(this.database, options, this.logger)
      : await Listener.start(this.database, options, this.logger);
  }

  queue(): Promise<Queue> {
    return this.rows.queue();
  }

  /** Takes no further job, waits for those that run, and gives back what takes too long: another process does it again. */
  async stop(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.stop(this.patienceMs);
  }

  private place(name: string, payload: object, tenantId: string | undefined) {
    const definition = this.tasks[name];
    if (!definition) throw new Error(`there is no task ${name}`);
    const parsed = definition.schema.parse(payload);
    return { queue: definition.queue?.(parsed, tenantId), priority: definition.priority };
  }

  private runTask(name: string): (payload: unknown, helpers: GraphileHelpers) => Promise<void> {
    return async (payload, { job, abortSignal }) => {
      const definition = this.tasks[name] as Task;
      const { tenant_id: tenantId, request_id: requestId, data } = readEnvelope(payload);
      const admission = tenantId ? await this.admit(tenantId) : 'now';
      if (admission === 'later')
        await this.rows.add(name, data as object, {
          tenantId,
          requestId,
          runAt: new Date(Date.now() + laterMs),
          maxAttempts: job.max_attempts,
          key: job.key ?? undefined,
          ...this.place(name, data as object, tenantId),
        });
      if (admission !== 'now') return;
      const helpers: TaskHelpers = {
        jobId: job.id,
        attempt: job.attempts,
        lastAttempt: job.attempts >= job.max_attempts,
        signal: abortSignal,
      };
      const context = { requestId, ...(tenantId ? { tenantId } : {}), actor: { type: 'system' as const, id: name } };
      const run = () =>
        this.database.detached(() =>
          runInContext(context, async () => definition.run(definition.schema.parse(data), helpers)),
        );
      const named = {
        name: `job ${name}`,
        kind: 'consumer',
        attributes: { 'ostiary.job.attempt': job.attempts },
      } as const;
      // Part of nothing else: whoever enqueued it has long been answered.
      const work = () => (this.tracing ? this.tracing.span(named, run, {}) : run());
      if (job.key !== recurringKey(name) || !definition.every) {
        try {
          return await work();
        } catch (error) {
          // Whoever watches the log is told once that nobody will try any more; the job stays in its table.
          if (helpers.lastAttempt)
            this.logger.error(`job ${job.id} (${name}) is given up after ${job.attempts} attempts`);
          throw error;
        }
      }
      try {
        await work();
      } catch (error) {
        this.logger.error(`the recurring task ${name} failed: ${String(error)}`);
      }
      await this.rows.recur(name, new Date(Date.now() + definition.every * 1_000));
    };
  }
}

interface GraphileHelpers {
  job: { id: string; key: string | null; attempts: number; max_attempts: number };
  abortSignal: AbortSignal;
}

/** Graphile warns on the console about a pool on which nobody listens. */
function listenedTo(pool: Pool): Pool {
  if (pool.listenerCount('connect') === 0) pool.on('connect', () => {});
  return pool;
}

/** Only the sentence: what graphile-worker adds to it holds the payload. */
const graphileLogger = (logger: JobLogger) =>
  new Logger(() => (level, message) => {
    if (level === 'error') logger.error(message);
    else if (level === 'warning') logger.warn(message);
    else logger.debug(message);
  });

const silent: JobLogger = { error() {}, warn() {}, debug() {} };
