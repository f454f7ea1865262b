// The worker on a PostgreSQL server: woken by LISTEN, shared by all processes, and started again when it has given up.
// Handed off to: graphile-worker's run.
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Runner, type RunnerOptions, run, type WorkerEvents, type WorkerPool } from 'graphile-worker';
import type { Database, Statement } from './database.js';
import type { JobLogger, Worker } from './jobs.js';

const restartMs = 2_000;
const sweepMs = 300_000;
/** A worker that has given up ends sooner than this after its last job, or never. */
const stuckMs = 3_000;

const unlockPool: Statement = {
  name: 'job_unlock_pool',
  text: 'SELECT graphile_worker.force_unlock_workers(ARRAY[$1]::text[])',
};
/** No job takes a quarter of an hour: who holds one for longer has died. Left alone, graphile-worker waits four hours. */
const unlockDead: Statement = {
  name: 'job_unlock_dead',
  text: `SELECT graphile_worker.force_unlock_workers(ARRAY(
    SELECT DISTINCT locked_by FROM graphile_worker.jobs WHERE locked_at < now() - interval '15 minutes'))`,
};

export class Listener implements Worker {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private readonly events: WorkerEvents = new EventEmitter();
  private readonly sweeping: NodeJS.Timeout;
  private readonly pools: string[] = [];
  private readonly underWay = new Set<string>();
  private pool: WorkerPool | undefined;
  private runner: Runner | undefined;

  private constructor(
    private readonly database: Database,
    private readonly options: RunnerOptions,
    private readonly logger: JobLogger,
  ) {
    this.events.on('pool:create', ({ workerPool }) => {
      this.pools.push(workerPool.id);
      this.pool = workerPool;
    });
    this.events.on('job:start', ({ job }) => this.underWay.add(job.id));
    for (const end of ['job:success', 'job:error', 'job:complete'] as const)
      this.events.on(end, ({ job }) => this.underWay.delete(job.id));
    this.sweeping = setInterval(() => void this.sweep(), sweepMs).unref();
  }

  static async start(database: Database, options: RunnerOptions, logger: JobLogger): Promise<Listener> {
    const listener = new Listener(database, options, logger);
    await listener.sweep();
    listener.running = listener.loop(await listener.run());
    return listener;
  }

  /** NOTIFY does it. */
  wake(): void {}

  async stop(patienceMs: number): Promise<void> {
    this.stopping.abort();
    clearInterval(this.sweeping);
    // It refuses when it has just stopped by itself.
    const ended = Promise.resolve(this.runner?.stop()).then(
      () => this.running,
      () => this.running,
    );
    const waited = new AbortController();
    const late = delay(patienceMs, true, { signal: waited.signal }).catch(() => false);
    const tooLong = await Promise.race([ended.then(() => false), late]);
    waited.abort();
    if (!tooLong) return;
    this.logger.warn('a job does not end and is left to another process');
    await Promise.resolve(this.pool?.forcefulShutdown('the process stops')).catch(() => {});
  }

  private async loop(first: Runner): Promise<void> {
    const { signal } = this.stopping;
    for (let next: Runner | undefined = first; !signal.aborted; next = await this.begin()) {
      this.runner = next;
      if (next) await this.end(next);
      this.runner = undefined;
      if (signal.aborted) return;
      // It gives up when it cannot write down how a job ended, as when the server restarts.
      this.logger.warn('the worker stopped and will be started again');
      await delay(restartMs, undefined, { signal }).catch(() => {});
    }
  }

  private async end(runner: Runner): Promise<void> {
    const ended = new AbortController();
    const end = runner.promise
      .catch((error: unknown) => this.logger.error(`the worker failed: ${String(error)}`))
      .finally(() => ended.abort());
    await Promise.race([end, this.stuck(ended.signal).catch(() => end)]);
  }

  /**
   * Where a job could not be ticked off, graphile-worker counts what it still waits for, and may count past it: it takes nothing any more and would
   * wait for ever. What was not ticked off is unlocked with the next worker.
   */
  private async stuck(signal: AbortSignal): Promise<void> {
    await once(this.events, 'pool:fatalError', { signal });
    do await delay(stuckMs, undefined, { signal });
    while (this.underWay.size > 0);
    this.logger.warn('the worker gave up, does not end, and is left behind');
  }

  private async begin(): Promise<Runner | undefined> {
    if (this.stopping.signal.aborted) return undefined;
    try {
      // What the former one held is done or lost, and nobody else can know that it is gone.
      for (const pool of this.pools) await this.database.execute(unlockPool, [pool]);
      this.pools.length = 0;
      const runner = await this.run();
      if (!this.stopping.signal.aborted) return runner;
      await runner.stop();
    } catch (error) {
      this.logger.error(`the worker could not be started: ${String(error)}`);
    }
    return undefined;
  }

  private run(): Promise<Runner> {
    return run({ ...this.options, events: this.events });
  }

  private async sweep(): Promise<void> {
    try {
      await this.database.execute(unlockDead, []);
    } catch (error) {
      this.logger.error(`the jobs of dead workers could not be unlocked: ${String(error)}`);
    }
  }
}
