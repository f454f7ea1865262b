// Owns long work that people ask for: that it is asked for, looked at, cancelled and cleared away. Hands off to: job-turns.ts, which does it.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, notFound, tooMany } from '../../platform/errors.js';
import type { Jobs } from '../../platform/jobs.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Job } from './job.entity.js';
import type { StartJob } from './job.schema.js';
import type { JobEndings } from './job-endings.js';
import type { JobFiles } from './job-files.js';
import { fileOf, type JobKinds } from './job-kind.js';
import { KEPT, LOCK } from './job-statements.js';
import { TURN_TASK, turnKey } from './job-tasks.js';
import { ROWS } from './user-bulk-job.js';

export interface JobDependencies {
  db: Database;
  audit: AuditLog;
  clock: Clock;
  kinds: JobKinds;
  files: JobFiles;
  endings: JobEndings;
  jobs: Pick<Jobs, 'enqueue'>;
}

interface Settings {
  /** That wait or are done, of one tenant. */
  mostOpen?: number;
  /** Of all results of a tenant together. */
  mostBytes?: number;
}

export class JobService {
  private readonly mostOpen: number;
  private readonly mostBytes: number;

  constructor(
    private readonly deps: JobDependencies,
    { mostOpen = 10, mostBytes = 1024 * 1024 * 1024 }: Settings = {},
  ) {
    this.mostOpen = mostOpen;
    this.mostBytes = mostBytes;
  }

  /** @throws AppError 404 */
  async find(id: string): Promise<Job> {
    const job = await this.deps.db.repo(Job).findOneBy({ id });
    if (!job) throw notFound('job');
    return job;
  }

  file(job: Job) {
    return fileOf(this.deps.kinds, job);
  }

  /** @throws AppError 403 where whoever asks may not do that themselves, 429 or 409 where there is enough already. */
  start(asked: StartJob): Promise<Job> {
    const { db, audit, kinds, jobs } = this.deps;
    const { kind } = asked;
    assertHeld(kinds[kind].scope);
    return db.transaction(async () => {
      await this.assertRoom();
      const job = this.begun(asked);
      await db.repo(Job).insert(job);
      await this.give(job, asked.operations ?? []);
      await audit.record('job.started', { job_id: job.id, kind });
      if (kind === 'audit_export')
        await audit.record('audit_log.exported', { format: asked.format ?? 'jsonl', whole: !asked.filter });
      await jobs.enqueue(TURN_TASK, { kind }, { key: turnKey(job.tenantId, kind) });
      return job;
    });
  }

  /** What was done until then stays done. @throws AppError 403 where whoever asks may not do that themselves, 409 where it has ended otherwise. */
  cancel({ id, kind }: Job): Promise<Job> {
    const { db, audit, kinds, endings } = this.deps;
    assertHeld(kinds[kind].scope);
    return db.transaction(async () => {
      const job = await this.held(id);
      if (job.status === 'cancelled') return job;
      if (job.hasEnded) throw conflict('job_ended', 'This job has ended already');
      await endings.end(job, 'cancelled');
      await audit.record('job.cancelled', { job_id: id, kind: job.kind });
      return job;
    });
  }

  /** With its result. @throws AppError 403 as cancel, 409 where it has not ended. */
  remove({ id, kind }: Job): Promise<void> {
    const { db, audit, kinds } = this.deps;
    assertHeld(kinds[kind].scope);
    return db.transaction(async () => {
      const job = await this.held(id);
      if (!job.hasEnded) throw conflict('job_open', 'This job has not ended: cancel it first');
      await db.repo(Job).delete({ id });
      await audit.record('job.deleted', { job_id: id, kind: job.kind });
    });
  }

  /** @throws AppError 403 where whoever asks may not do that themselves, 404 where there is nothing, or nothing yet. */
  async result(job: Job) {
    const { kinds, files, audit } = this.deps;
    assertHeld(kinds[job.kind].scope);
    const file = this.file(job);
    if (!file) throw notFound('result');
    await audit.record('job.result_read', { job_id: job.id, kind: job.kind });
    return { ...file, chunks: files.result(job) };
  }

  private begun({ kind, format = 'jsonl', filter = {}, operations = [] }: StartJob): Job {
    const now = this.deps.clock.now();
    const { type, id: actorId, scopes, apiKey } = currentContext()?.actor ?? {};
    if (!type || type === 'system' || !actorId) throw new Error('long work is somebody’s who can lose the right to it');
    return Object.assign(new Job(), {
      tenantId: currentTenantId(),
      id: newId(),
      kind,
      // An export ends where it was asked for: what happens meanwhile, its own beginning among it, is of the next one.
      params:
        kind === 'audit_export'
          ? { format, filter: { ...filter, to: filter.to ?? now.toISOString() } }
          : { operations: operations.length },
      actorType: type,
      actorId,
      actorScopes: [...(scopes ?? [])],
      apiKeyId: apiKey?.id ?? null,
      dueAt: now,
      createdAt: now,
      updatedAt: now,
    });
  }

  private async give(job: Job, operations: readonly object[]): Promise<void> {
    for (let from = 0; from < operations.length; from += ROWS)
      await this.deps.files.give(job, from / ROWS, JSON.stringify(operations.slice(from, from + ROWS)));
    if (operations.length > 0) job.total = operations.length;
  }

  private async assertRoom(): Promise<void> {
    const { db } = this.deps;
    const tenantId = currentTenantId();
    await db.execute(LOCK, [tenantId]);
    const [kept] = await db.execute<{ open: number; bytes: number }>(KEPT, [tenantId]);
    if (!kept) return;
    if (kept.open >= this.mostOpen)
      throw tooMany('too_many_jobs', 'As many jobs as may wait are waiting; please come again when one has ended', 30);
    if (kept.bytes >= this.mostBytes)
      throw conflict('no_room', 'The results that are kept leave no room: delete jobs that are not needed any more');
  }

  private async held(id: string): Promise<Job> {
    const row = this.deps.db.repo(Job).query('j').andWhere('j.id = :id', { id });
    const job = await row.setLock('pessimistic_write').getOne();
    if (!job) throw notFound('job');
    return job;
  }
}

/** Nobody has done by others, stops or takes away what they may not do. @throws AppError 403 */
function assertHeld(scope: string): void {
  const held = currentContext()?.actor?.scopes;
  if (held && !held.has(scope))
    throw forbidden('insufficient_scope', `This needs an access token with the scope ${scope} as well`);
}
