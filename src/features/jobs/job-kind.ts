// What a kind of long work has to say of itself; job-turns.ts does the rest.
import type { Job, JobKindName } from './job.entity.js';

export interface JobKind {
  /** What it takes to ask for it, to go on with it, and to read what came of it. */
  scope: string;
  /** Whether what was written can be read where it did not come to its end. */
  readableHalf: boolean;
  file(job: Job): { type: string; name: string };
  /** null where it is not known. */
  total(job: Job): Promise<number | null>;
  /** One batch from where the cursor points, in a transaction with what is written down of it, as whoever asked. */
  step(job: Job): Promise<Step>;
}

export interface Step {
  /** What the result goes on with. */
  text: string;
  done: number;
  counts?: Readonly<Record<string, number>>;
  /** The next cursor; undefined: that was all. */
  next: object | undefined;
}

export type JobKinds = Readonly<Record<JobKindName, JobKind>>;

/** What can be read of it; undefined where there is nothing, or nothing yet. */
export function fileOf(kinds: JobKinds, job: Job): { type: string; name: string; bytes: number } | undefined {
  const kind = kinds[job.kind];
  const isHalf = job.hasEnded && kind.readableHalf && job.chunks > 0;
  return job.status === 'succeeded' || isHalf ? { ...kind.file(job), bytes: job.bytes } : undefined;
}
