// Argon2id (RFC 9106) in a few child processes, with a bounded queue: signing and the token path never wait behind a password.
// Hashes that were made elsewhere are verified in the same way and never made.
// Handed off to: hashing-process.ts keeps a child, hashing-child.ts does the work in it, one job at a time.
import { availableParallelism } from 'node:os';
import { unavailable } from './errors.js';
import { readImported } from './hash-formats/formats.js';
import type { Answer, Parameters, Task } from './hashing-child.js';
import { HashingProcess, type ProcessSettings } from './hashing-process.js';
import type { Strength } from './strength.js';

export interface HasherSettings extends ProcessSettings {
  /** Half of the cores unless said; each takes `memoryCost` KiB while it works. */
  processes?: number;
  /** Jobs that may wait; beyond it callers are told to come back. */
  maxQueue?: number;
  parameters?: Parameters;
  logger?: { warn(message: string, fields?: object): unknown };
}

interface Job {
  task: Task;
  attempts: number;
  resolve(value: string | boolean): void;
  reject(error: unknown): void;
}

/** RFC 9106 §4, second recommendation, with two lanes. */
const defaultParameters: Parameters = { timeCost: 3, memoryCost: 65_536, parallelism: 2 };
const phc = /^\$argon2(id|i|d)\$v=(\d{1,3})\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,3})\$/;
/** What an imported hash may ask of us: a row must not be able to take the machine. */
export const ceiling: Parameters = { timeCost: 20, memoryCost: 262_144, parallelism: 16 };

/**
 * One process per two cores of the machine, divided among those who share it. Each has at least one, because it cannot wait for another's;
 * where that makes them many, their low priority still lets everything else go first.
 */
export const hashingShare = (workers: number, cores = availableParallelism()): number =>
  Math.max(1, Math.floor(cores / 2 / workers));

export class Hasher {
  private readonly processes: number;
  private readonly maxQueue: number;
  private readonly parameters: Parameters;
  private readonly waiting: Job[] = [];
  private readonly workers = new Set<HashingProcess<Job>>();
  private stopped = false;
  private averageMs = 250;

  constructor(private readonly settings: HasherSettings = {}) {
    this.processes = settings.processes ?? hashingShare(1);
    this.maxQueue = settings.maxQueue ?? 64;
    this.parameters = settings.parameters ?? defaultParameters;
  }

  /**
   * A PHC string. Callers have checked that the password has at most 1024 characters.
   * @param signal ends the wait; a job already begun is finished, so that its permit ends with the work and not with the request.
   * @throws AppError 503 `busy`, before any work.
   */
  hash(password: string, signal?: AbortSignal): Promise<string> {
    return this.enqueue({ kind: 'hash', password, parameters: this.parameters }, signal) as Promise<string>;
  }

  /**
   * @throws AppError 503 `busy`, before any work.
   * @throws Error where the hash is of no known format or asks for more than the ceiling.
   */
  verify(hash: string, password: string, signal?: AbortSignal): Promise<boolean> {
    return this.enqueue({ kind: 'verify', hash, password }, signal, refusal(hash)) as Promise<boolean>;
  }

  /**
   * How well a password withstands guessing. It takes up to some 50 ms of work, hence the queue of the hashes.
   * @throws AppError 503 `busy`, before any work: with half of the queue full already, because a sign-in is worth more than advice.
   */
  strength(password: string, words: readonly string[]): Promise<Strength> {
    if (this.waiting.length >= this.maxQueue / 2)
      throw unavailable('busy', 'Too many people are signing in right now; please try again', 5);
    return this.enqueue({ kind: 'strength', password, words }) as Promise<Strength>;
  }

  /** True where the string was not made with today's algorithm, version and parameters. */
  needsRehash(hash: string): boolean {
    const [, variant, version, memory, time, lanes] = phc.exec(hash) ?? [];
    const { memoryCost, timeCost, parallelism } = this.parameters;
    return !(
      variant === 'id' &&
      Number(version) === 0x13 &&
      Number(memory) === memoryCost &&
      Number(time) === timeCost &&
      Number(lanes) === parallelism
    );
  }

  /** Lets a route shed a request before it reads the body. @throws AppError 503 `busy`. */
  assertRoom(): void {
    if (this.stopped) throw unavailable('busy', 'The server is going down; please try again', 5);
    if (this.waiting.length < this.maxQueue || this.busy < this.processes) return;
    const seconds = Math.ceil((this.waiting.length * this.averageMs) / this.processes / 1000);
    throw unavailable('busy', 'Too many people are signing in right now; please try again', Math.max(1, seconds));
  }

  /** Jobs that wait. */
  get queueLength(): number {
    return this.waiting.length;
  }

  /** Jobs being worked on. */
  get busy(): number {
    return [...this.workers].filter((worker) => worker.job).length;
  }

  /** Ends the processes at once; what was asked and not answered is refused. */
  async stop(): Promise<void> {
    this.stopped = true;
    const jobs = this.waiting.splice(0);
    const ends = [...this.workers].map((worker) => {
      if (worker.job) jobs.push(worker.job);
      this.workers.delete(worker);
      return worker.end();
    });
    for (const job of jobs) job.reject(unavailable('busy', 'The server is going down; please try again', 5));
    await Promise.all(ends);
  }

  private enqueue(task: Task, signal?: AbortSignal, refused?: Error): Promise<string | boolean> {
    this.assertRoom();
    if (refused) return Promise.reject(refused);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const forget = () => signal?.removeEventListener('abort', leave);
      const job: Job = {
        task,
        attempts: 0,
        resolve: (value) => {
          forget();
          resolve(value);
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      };
      const leave = () => {
        const place = this.waiting.indexOf(job);
        if (place >= 0) this.waiting.splice(place, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.waiting.push(job);
      this.dispatch();
    });
  }

  private dispatch(): void {
    while (!this.stopped && this.waiting.length > 0) {
      const worker = [...this.workers].find(({ job }) => !job) ?? this.start();
      const job = worker && this.waiting.shift();
      if (!job) break;
      job.attempts += 1;
      worker.take(job);
    }
  }

  private start(): HashingProcess<Job> | undefined {
    if (this.workers.size >= this.processes) return undefined;
    try {
      const worker: HashingProcess<Job> = new HashingProcess(this.settings, {
        answered: (answer, ms) => this.answered(worker, answer, ms),
        lost: () => this.lost(worker),
        idle: () => {
          this.workers.delete(worker);
          void worker.end();
        },
      });
      this.workers.add(worker);
      return worker;
    } catch (cause) {
      this.settings.logger?.warn('hashing process cannot be started', { cause });
      // Whoever waits for a process that runs is served by it; with none, nobody would ever be.
      if (this.workers.size === 0)
        for (const job of this.waiting.splice(0))
          job.reject(unavailable('busy', 'The server is busy; please try again', 5, cause));
      return undefined;
    }
  }

  private answered(worker: HashingProcess<Job>, answer: Answer, ms: number): void {
    const { job } = worker;
    if (!job) return;
    this.averageMs = 0.8 * this.averageMs + 0.2 * ms;
    worker.rest();
    if ('failure' in answer) job.reject(new Error(`hashing failed: ${answer.failure}`));
    else job.resolve(answer.value);
    this.dispatch();
  }

  /** A dead process is replaced when the next job needs one; the job it held is tried once more, first in line. */
  private lost(worker: HashingProcess<Job>): void {
    if (!this.workers.delete(worker)) return;
    const { job } = worker;
    const signal = worker.discard();
    if (job) {
      this.settings.logger?.warn('hashing process lost', { attempt: job.attempts, signal });
      if (job.attempts < 2) this.waiting.unshift(job);
      else job.reject(unavailable('busy', 'The server is busy; please try again', 5));
    }
    this.dispatch();
  }
}

function refusal(hash: string): Error | undefined {
  const imported = readImported(hash);
  if (imported) return imported.excess ? new Error('the hash asks for more than is allowed') : undefined;
  const [, , , memory, time, lanes] = phc.exec(hash) ?? [];
  if (!memory) return new Error('not an Argon2 string');
  const tooMuch =
    Number(memory) > ceiling.memoryCost || Number(time) > ceiling.timeCost || Number(lanes) > ceiling.parallelism;
  return tooMuch ? new Error('the Argon2 string asks for more than is allowed') : undefined;
}
