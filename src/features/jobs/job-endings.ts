// How a job ends, whichever way: what it was given goes, what it has written stays where it is worth reading, for as long as is said here.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { Job, type JobError, type JobStatus } from './job.entity.js';
import type { JobFiles } from './job-files.js';
import { fileOf, type JobKinds } from './job-kind.js';

/** Long enough for a weekend; it tells of people, so no longer than that. */
export const KEEP_MS = 7 * 86_400_000;

export class JobEndings {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly kinds: JobKinds,
    private readonly files: Pick<JobFiles, 'clear'>,
  ) {}

  /** In the transaction that holds its row; whoever asks records it. */
  async end(job: Job, status: JobStatus, error: JobError | null = null): Promise<void> {
    const now = this.clock.now();
    const ended = { status, error, turn: null, cursor: null, updatedAt: now, endedAt: now };
    Object.assign(job, ended, { revision: job.revision + 1, expiresAt: new Date(now.getTime() + KEEP_MS) });
    await this.files.clear(job, 'input');
    if (!fileOf(this.kinds, job)) {
      await this.files.clear(job, 'result');
      Object.assign(job, { chunks: 0, bytes: 0 });
    }
    await this.db.repo(Job).save(job);
  }
}
