// Long work as a program asks for it, and waits for it.
import { Job } from '../../src/features/jobs/job.entity.js';
import type { Clock } from '../../src/platform/clock.js';
import { newId } from '../../src/platform/crypto.js';
import type { Database } from '../../src/platform/database.js';
import { ask } from './api.js';
import { until } from './pair.js';
import type { TestServer } from './server.js';

export interface JobAnswer {
  id: string;
  status: string;
  error: string | null;
  progress: { done: number; total: number | null };
  counts: Record<string, number>;
  result: { type: string; name: string; bytes: number } | null;
  asked_by: { type: string; id: string };
  started_at: string;
  ended_at: string;
  expires_at: string;
}

type Where = Pick<TestServer, 'issuer'>;

/** @throws Error where it is not taken. */
export async function startJob(server: Where, token: string, body: object): Promise<JobAnswer> {
  const answer = await ask(server, token, 'post', '/jobs', body);
  if (answer.status !== 202) throw new Error(`not taken: ${JSON.stringify(answer.body)}`);
  return answer.body as unknown as JobAnswer;
}

export const readJob = async (server: Where, token: string, id: string): Promise<JobAnswer> =>
  (await ask(server, token, 'get', `/jobs/${id}`)).body as unknown as JobAnswer;

export async function jobWhen(
  server: Where,
  token: string,
  id: string,
  when: (job: JobAnswer) => boolean,
): Promise<JobAnswer> {
  let job: JobAnswer | undefined;
  const reached = async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    job = await readJob(server, token, id);
    return when(job);
  };
  await until('the job is as it should be', reached, 60_000).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(job)}`);
  });
  return job as JobAnswer;
}

export const endedJob = (server: Where, token: string, id: string): Promise<JobAnswer> =>
  jobWhen(server, token, id, ({ ended_at }) => ended_at !== null);

/** Of new people, none of whom was there before. */
export const newcomers = (count: number, mark: string) =>
  Array.from({ length: count }, (_, n) => ({ op: 'create', email: `${mark}-${n}@bulk.example`, email_verified: true }));

/** One that has ended, with an empty file. */
export async function jobFor(db: Database, clock: Clock): Promise<Job> {
  const now = clock.now();
  const times = { dueAt: now, createdAt: now, updatedAt: now, endedAt: now };
  const asked = { kind: 'audit_export', params: { format: 'jsonl', filter: {} }, actorType: 'client', actorId: 'x' };
  return db
    .repo(Job)
    .insert(Object.assign(new Job(), { id: newId(), ...asked, actorScopes: [], status: 'succeeded', ...times }) as Job);
}
