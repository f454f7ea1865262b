// The life of one child process that hashes: started, given a job, let rest, ended. hashing.ts has the queue and decides how many there are.
import { type ChildProcess, fork } from 'node:child_process';
import type { Answer, Task } from './hashing-child.js';

export interface ProcessSettings {
  /** Milliseconds after which an unused process ends. */
  idleMs?: number;
  /** Milliseconds after which a job's process is taken for dead. */
  jobTimeoutMs?: number;
}

interface Listeners {
  /** @param ms since it took the job. */
  answered(answer: Answer, ms: number): void;
  /** It died, was ended, or could not be started: perhaps more than once. */
  lost(): void;
  /** It was not needed for a while. */
  idle(): void;
}

export class HashingProcess<J extends { task: Task }> {
  /** What it works on. */
  job: J | undefined;
  private readonly child: ChildProcess;
  private startedAt = 0;
  private nextId = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @throws Error where no process can be had. */
  constructor(
    private readonly settings: ProcessSettings,
    private readonly listeners: Listeners,
  ) {
    this.child = forkChild();
    this.child.on('message', (answer) => listeners.answered(answer as Answer, performance.now() - this.startedAt));
    this.child.on('exit', () => listeners.lost());
    this.child.on('error', () => listeners.lost());
  }

  take(job: J): void {
    this.job = job;
    this.startedAt = performance.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.child.kill('SIGKILL'), this.settings.jobTimeoutMs ?? 30_000);
    // Somebody waits: now, and only now, the process keeps its parent running.
    this.child.ref();
    this.child.channel?.ref();
    this.nextId += 1;
    // A process that died in the meantime says so through 'exit'.
    this.child.send?.({ id: this.nextId, task: job.task }, () => {});
  }

  rest(): void {
    this.job = undefined;
    this.child.unref();
    this.child.channel?.unref();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.listeners.idle(), this.settings.idleMs ?? 300_000).unref();
  }

  /** It is of no use any more. @returns the signal by which it had died. */
  discard(): NodeJS.Signals | null {
    clearTimeout(this.timer);
    this.child.kill('SIGKILL');
    this.job = undefined;
    return this.child.signalCode;
  }

  /** At once, whatever it does. */
  end(): Promise<void> {
    clearTimeout(this.timer);
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  }
}

/** Nothing is inherited: neither secrets in the environment nor --inspect and its kind. */
const forkChild = () =>
  fork(new URL('./hashing-child.js', import.meta.url), {
    env: { UV_THREADPOOL_SIZE: '2' },
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
