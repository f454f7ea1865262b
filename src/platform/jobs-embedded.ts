// The worker of the embedded database, where one connection serves everybody and LISTEN is silent.
// Handed off to: graphile-worker's runOnce, round by round.
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type RunnerOptions, runOnce, type WorkerEvents } from 'graphile-worker';
import type { Database, Statement } from './database.js';
import type { JobLogger, Worker } from './jobs.js';

const msUntilNext: Statement = {
  name: 'job_next',
  text: `SELECT (extract(epoch FROM min(run_at) - now()) * 1000)::float8 AS ms FROM graphile_worker.jobs
    WHERE locked_at IS NULL AND attempts < max_attempts AND task_identifier = ANY($1)`,
};
const unlockAll: Statement = {
  name: 'job_unlock_all',
  text: `SELECT graphile_worker.force_unlock_workers(
    ARRAY(SELECT DISTINCT locked_by FROM graphile_worker.jobs WHERE locked_by IS NOT NULL))`,
};

/** Between two looks at an embedded queue: never a busy loop, never a job forgotten for longer. */
const pause = { least: 100, most: 60_000, afterError: 5_000 };

/** Runs what is due, then sleeps until woken or until the next is due. */
export class Drain implements Worker {
  private readonly events: WorkerEvents = new EventEmitter();
  private readonly running: Promise<void>;
  private shutDown: (() => Promise<void>) | undefined;
  private stopping = false;
  private woken = false;
  private rise: () => void = () => {};

  private constructor(
    private readonly database: Database,
    private readonly options: RunnerOptions,
    private readonly logger: JobLogger,
  ) {
    this.events.on('pool:create', ({ workerPool }) => {
      this.shutDown = async () => {
        await workerPool.gracefulShutdown();
      };
      // Asked to stop while the round was being prepared; its workers are there one turn later.
      if (this.stopping) setImmediate(() => void this.shutDown?.().catch(this.report));
    });
    this.running = this.loop();
  }

  static async start(database: Database, options: RunnerOptions, logger: JobLogger): Promise<Drain> {
    // Nobody else can hold a lock here: what is locked was being done when the process died.
    await database.execute(unlockAll, []);
    return new Drain(database, { ...options, noPreparedStatements: true }, logger);
  }

  wake(): void {
    this.woken = true;
    this.rise();
  }

  async stop(patienceMs: number): Promise<void> {
    this.stopping = true;
    this.wake();
    const ended = Promise.resolve(this.shutDown?.().catch(this.report)).then(() => this.running);
    const waited = new AbortController();
    // What is left locked is unlocked by the next start.
    await Promise.race([ended, delay(patienceMs, undefined, { signal: waited.signal }).catch(() => {})]);
    waited.abort();
  }

  private async loop(): Promise<void> {
    while (!this.stopping) {
      this.woken = false;
      await this.sleep(await this.round());
    }
  }

  /** @returns milliseconds until there is something to do. */
  private async round(): Promise<number> {
    try {
      await runOnce({ ...this.options, events: this.events }).finally(() => {
        this.shutDown = undefined;
      });
      const names = Object.keys(this.options.taskList ?? {});
      const [next] = await this.database.execute<{ ms: number | null }>(msUntilNext, [names]);
      return Math.min(Math.max(next?.ms ?? pause.most, pause.least), pause.most);
    } catch (error) {
      this.report(error);
      return pause.afterError;
    }
  }

  private readonly report = (error: unknown) => {
    this.logger.error(`the jobs could not be run: ${String(error)}`);
  };

  private sleep(ms: number): Promise<void> {
    if (this.woken) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.rise = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
