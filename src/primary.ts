// The primary of a machine: serves nothing, keeps its workers, web ones and one for jobs, and replaces them one by one when asked.
// Handed off to: run.ts, which is also what each worker runs.
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/index.js';
import { observeWorkers } from './measures.js';
import { ClusterMetrics } from './platform/cluster-metrics.js';
import type { Logger } from './platform/logger.js';
import { type CounterHandle, Metrics, MetricsServer } from './platform/metrics.js';
import { departures } from './platform/web-server.js';
import { isReady, leaveMessage } from './worker-messages.js';

type Role = 'web' | 'jobs';

/** A worker that has lived for so long does not end because it cannot start. */
const provenMs = 10_000;
const backOffMs = { first: 100, most: 30_000 };
const attempts = 5;
/** How long a rolling restart waits for the one that leaves before it goes on; it may take its time in the background. */
const stepMs = 20_000;
/** Beside what requests and jobs are given, for closing what is left. */
const closingMs = 10_000;

export class Primary {
  /** Rejects when no worker can be kept. */
  readonly failed: Promise<never>;
  private fail: (error: Error) => void = () => {};
  private readonly serving = new Map<Worker, Role>();
  /** Those that have served, or still do. */
  private readonly ready = new WeakSet<Worker>();
  private readonly failures: Record<Role, number> = { web: 0, jobs: 0 };
  private readonly metrics = new Metrics({ routes: [] });
  private readonly clusterMetrics = new ClusterMetrics(this.metrics.registry);
  private readonly restarts: CounterHandle<'role' | 'reason'>;
  private metricsServer: MetricsServer | undefined;
  private state: 'starting' | 'serving' | 'replacing' | 'stopping' = 'starting';

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
  ) {
    this.failed = new Promise((_resolve, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => {});
    this.restarts = observeWorkers(this.metrics, (role) => this.count(role));
  }

  /** @throws Error where the workers end again and again before they serve. */
  async start(): Promise<void> {
    const roles: Role[] = Array.from({ length: this.config.workers }, () => 'web');
    if (this.config.role === 'all') roles.push('jobs');
    await Promise.race([Promise.all(roles.map((role) => this.keep(role))), this.failed]);
    const { metricsPort, host, environment } = this.config;
    if (environment !== 'test' && metricsPort !== undefined)
      this.metricsServer = await MetricsServer.start(metricsPort, host, () => this.clusterMetrics.text());
    this.state = 'serving';
  }

  /** The new one serves before the old one stops listening, so that somebody always does. Stops at the first that cannot start. */
  async replaceAll(): Promise<void> {
    if (this.state !== 'serving') return void this.logger.warn('a rolling restart is not possible now');
    this.state = 'replacing';
    this.logger.info('a rolling restart begins');
    for (const [worker, role] of [...this.serving]) {
      // From here on its end is expected, whenever it comes.
      if (!this.serving.delete(worker)) continue;
      try {
        await this.fork(role);
      } catch (error) {
        this.logger.error('a new worker did not start, the others stay', { role, reason: String(error) });
        if (worker.isDead()) void this.keep(role);
        else this.serving.set(worker, role);
        break;
      }
      if (this.stopping) return;
      this.restarts.add({ role, reason: 'rolling' });
      await Promise.race([this.dismiss(worker, 'retire'), delay(stepMs, undefined, { ref: false })]);
    }
    if (this.stopping) return;
    this.state = 'serving';
    this.logger.info('the rolling restart has ended');
  }

  /** All workers finish what is under way. */
  async close(): Promise<void> {
    this.state = 'stopping';
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    await Promise.all(workers.map((worker) => this.dismiss(worker, 'drain')));
    await this.metricsServer?.close();
    this.clusterMetrics.close();
  }

  private get stopping(): boolean {
    return this.state === 'stopping';
  }

  private count(role: Role): number {
    return [...this.serving.values()].filter((one) => one === role).length;
  }

  /** Starts one, again and again with growing pauses; a server of which nothing ever served gives up and says so. */
  private async keep(role: Role): Promise<void> {
    while (!this.stopping) {
      const failures = this.failures[role];
      if (failures > 0)
        await delay(Math.min(backOffMs.first * 2 ** failures, backOffMs.most), undefined, { ref: false });
      if (this.stopping) return;
      try {
        await this.fork(role);
        return;
      } catch (error) {
        this.failures[role] += 1;
        this.logger.error('a worker did not start', { role, reason: String(error) });
        if (this.failures[role] >= attempts && (this.state === 'starting' || this.serving.size === 0))
          this.fail(new Error(`Workers ended ${attempts} times before they served: what they said is above`));
      }
    }
  }

  /** @throws Error where it ends before it serves. */
  private async fork(role: Role): Promise<void> {
    const worker = cluster.fork({ ROLE: role });
    letGoOfLostConnection(worker);
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message) => isReady(message) && resolve());
      worker.once('exit', (code, signal) => reject(new Error(`it ended with ${signal ?? code}`)));
    });
    this.ready.add(worker);
    this.serving.set(worker, role);
    this.logger.info('a worker serves', { role, pid: worker.process.pid });
    const since = performance.now();
    worker.once('exit', (exitCode, signal) => {
      // Whoever was dismissed is no longer among them.
      if (!this.serving.delete(worker) || this.stopping) return;
      this.failures[role] = performance.now() - since < provenMs ? this.failures[role] + 1 : 0;
      this.logger.warn('a worker ended and is replaced', { role, exit_code: exitCode, signal });
      this.restarts.add({ role, reason: 'ended' });
      void this.keep(role);
    });
  }

  /** @returns when it has ended. */
  private async dismiss(worker: Worker, departure: keyof typeof departures): Promise<void> {
    this.serving.delete(worker);
    if (worker.isDead()) return;
    const ended = once(worker, 'exit');
    // Who is still starting does not listen to us yet.
    if (this.ready.has(worker)) worker.send(leaveMessage(departure), () => {});
    else worker.process.kill('SIGTERM');
    const { drainDelayMs } = this.config;
    const tooLong = setTimeout(
      () => worker.process.kill('SIGKILL'),
      drainDelayMs + departures[departure].totalMs + closingMs,
    );
    await ended;
    clearTimeout(tooLong);
  }
}

/**
 * A connection handed to a worker that dies before taking it stays open in the primary, and its client waits for ever. The cluster hands over
 * one at a time, so it is the last one; closing one that was taken does nothing.
 */
function letGoOfLostConnection({ process: child }: Worker): void {
  const send = child.send.bind(child) as (...sent: unknown[]) => boolean;
  let last: { close?(): void } | undefined;
  child.send = (...sent: unknown[]) => {
    if (typeof sent[1] === 'object' && sent[1] !== null) last = sent[1];
    return send(...sent);
  };
  child.once('exit', () => last?.close?.());
}
