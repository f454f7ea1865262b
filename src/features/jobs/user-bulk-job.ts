// Many changes of people, as POST /users/bulk does a hundred of: each done or refused by itself, and one line that says which.
import type { UserBulk } from '../accounts/user-bulk.js';
import type { UserOperation } from '../accounts/user-bulk.schema.js';
import type { Job } from './job.entity.js';
import type { JobFiles } from './job-files.js';
import type { JobKind, Step } from './job-kind.js';

/** Done at once, and given in one piece. */
export const ROWS = 100;

export interface UserBulkParams {
  /** How many. */
  operations: number;
}

export class UserBulkJob implements JobKind {
  readonly scope = 'users:write';
  readonly readableHalf = true;

  constructor(
    private readonly files: Pick<JobFiles, 'given'>,
    private readonly bulk: Pick<UserBulk, 'run'>,
  ) {}

  file({ createdAt }: Job) {
    return { type: 'application/jsonl', name: `users-${createdAt.toISOString().slice(0, 10)}.jsonl` };
  }

  async total({ params }: Job): Promise<number> {
    return (params as UserBulkParams).operations;
  }

  async step(job: Job): Promise<Step> {
    const { batch } = (job.cursor ?? { batch: 0 }) as { batch: number };
    const operations: UserOperation[] = JSON.parse(await this.files.given(job, batch));
    const results = await this.bulk.run(operations);
    const succeeded = results.filter(({ done }) => done).length;
    const isLast = (batch + 1) * ROWS >= (job.params as UserBulkParams).operations;
    return {
      text: results.map((one) => `${JSON.stringify({ ...one, index: batch * ROWS + one.index })}\n`).join(''),
      done: results.length,
      counts: { succeeded, failed: results.length - succeeded },
      next: isLast ? undefined : { batch: batch + 1 },
    };
  }
}
