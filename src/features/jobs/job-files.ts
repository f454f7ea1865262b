// What a job was given and what it has written: in pieces, so that neither is ever whole in memory, and sealed, because both tell of people.
import { withContext } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { Job } from './job.entity.js';
import { JobChunk, type JobPart } from './job-chunk.entity.js';

/** Characters in one piece. */
const PIECE = 128 * 1024;

export class JobFiles {
  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
  ) {}

  /** In the transaction in which the job begins. */
  async give(job: Job, position: number, text: string): Promise<void> {
    await this.put(job, 'input', position, text);
  }

  async given(job: Job, position: number): Promise<string> {
    return this.read(job, 'input', position);
  }

  /** To the result, in the transaction of the batch; the job is saved by whoever asks. */
  async append(job: Job, text: string): Promise<void> {
    for (const piece of pieces(text)) {
      await this.put(job, 'result', job.chunks, piece);
      job.chunks += 1;
    }
    job.bytes += Buffer.byteLength(text);
  }

  /** Piece by piece, no faster than it is read. @throws Error where the job goes meanwhile: half a file is none. */
  async *result(job: Job): AsyncGenerator<string> {
    const { tenantId } = job;
    // Whoever reads it does so when the request has been answered.
    for (let position = 0; position < job.chunks; position += 1)
      yield await withContext({ tenantId }, () => this.read(job, 'result', position));
  }

  async clear({ id: jobId }: Job, part: JobPart): Promise<void> {
    await this.db.repo(JobChunk).delete({ jobId, part });
  }

  private async put(job: Job, part: JobPart, position: number, text: string): Promise<void> {
    const textSealed = this.sealer.seal(text, sealContext(job.tenantId, job.id, part, position));
    const chunk = { jobId: job.id, part, position, textSealed };
    await this.db.repo(JobChunk).insert(Object.assign(new JobChunk(), chunk));
  }

  private async read(job: Job, part: JobPart, position: number): Promise<string> {
    const chunk = await this.db.repo(JobChunk).findOneBy({ jobId: job.id, part, position });
    if (!chunk) throw new Error(`the ${part} of job ${job.id} ends at ${position}`);
    return this.sealer.open(chunk.textSealed, sealContext(job.tenantId, job.id, part, position));
  }
}

/** Cut between characters: half a surrogate pair has no UTF-8. */
function* pieces(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const cut = Math.min(from + PIECE, text.length);
    const to = /[\uD800-\uDBFF]/.test(text.charAt(cut - 1)) ? cut - 1 : cut;
    yield text.slice(from, to);
    from = to;
  }
}

const sealContext = (tenantId: unknown, jobId: unknown, part: unknown, position: unknown) =>
  `job_chunks:${tenantId}:${jobId}:${part}:${position}`;

export const sealedJobChunks: SealedColumn = {
  table: 'job_chunks',
  column: 'text_sealed',
  key: ['tenant_id', 'job_id', 'part', 'position'],
  batch: 20,
  context: ({ tenant_id, job_id, part, position }) => sealContext(tenant_id, job_id, part, position),
};
