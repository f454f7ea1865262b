// One job as it goes on, for whoever listens: what it is when they come, and then each time that it is something else, until it has ended.
import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from './job.entity.js';

const LOOK_MS = 1_000;

/** @param last the id of what was seen last: it is not told again, but for the end. */
export async function* watchJob(
  find: () => Promise<Job | undefined>,
  last: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ id: string; event: 'progress' | 'ended'; job: Job }> {
  for (let seen = last; !signal.aborted; await delay(LOOK_MS, undefined, { signal }).catch(() => {})) {
    const job = await find();
    if (!job) return;
    const id = revisionId(job);
    if (id !== seen || job.hasEnded) yield { id, event: job.hasEnded ? 'ended' : 'progress', job };
    if (job.hasEnded) return;
    seen = id;
  }
}

/** UUIDv7 in form (RFC 9562 §5.7): when it was changed, and the how manieth time. */
function revisionId({ updatedAt, revision }: Job): string {
  const time = updatedAt.getTime().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${revision.toString(16).padStart(12, '0')}`;
}
