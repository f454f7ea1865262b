// Does long work, a turn at a time: a second or so of batches, then whoever waits longer. So no tenant keeps another one waiting, nor a letter.
// Of each tenant one job of a kind is done at a time, by one process; should it die, another one goes on behind its last batch.
import type { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { Jobs } from '../../platform/jobs.js';
import type { Logger } from '../../platform/logger.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Job, type JobError } from './job.entity.js';
import type { JobAskers } from './job-askers.js';
import type { JobEndings } from './job-endings.js';
import type { JobFiles } from './job-files.js';
import type { JobKinds } from './job-kind.js';
import { CLAIM, DUE, MOST_FRUITLESS, PASS, WAITING } from './job-statements.js';
import { TURN_TASK, type Turn, turnKey } from './job-tasks.js';

export interface JobTurnDependencies {
  db: Database;
  audit: AuditLog;
  clock: Clock;
  kinds: JobKinds;
  askers: Pick<JobAskers, 'now'>;
  files: Pick<JobFiles, 'append'>;
  endings: JobEndings;
  jobs: Pick<Jobs, 'enqueue'>;
  logger: Pick<Logger, 'error'>;
}

interface Settings {
  /** How long one turn takes; the batch that is begun is ended. */
  turnMs?: number;
  /** Of one result: what is longer is streamed by its own endpoint, or asked for in parts. */
  mostBytes?: number;
}

/** A process that dies is missed after so long. A batch may take longer: it holds the row. */
const LEASE_MS = 20_000;
const RETRY_MS = 5_000;

/** Which turn of which job. */
interface Mine {
  id: string;
  turn: string;
}

export class JobTurns {
  private readonly turnMs: number;
  private readonly mostBytes: number;

  constructor(
    private readonly deps: JobTurnDependencies,
    { turnMs = 1_000, mostBytes = 512 * 1024 * 1024 }: Settings = {},
  ) {
    this.turnMs = turnMs;
    this.mostBytes = mostBytes;
  }

  /** The task. May run twice, and at several processes: one of them has the turn. */
  async take({ kind }: z.output<typeof Turn>, signal: AbortSignal): Promise<void> {
    const { db, logger } = this.deps;
    const mine = await this.claim(kind);
    if (!mine) return;
    const until = performance.now() + this.turnMs;
    try {
      while (await this.batch(mine)) if (signal.aborted || performance.now() >= until) break;
    } catch (error) {
      logger.error('a batch of long work failed and is done again', { job_id: mine.id, kind, error });
      await db.repo(Job).update(mine, { turn: null, dueAt: this.in(RETRY_MS) });
      return;
    }
    await this.pass(mine, kind);
  }

  /** The recurring task, over all tenants: what nobody is doing, because whoever did it has died, or has failed. */
  async tend(): Promise<void> {
    const { db, clock, jobs } = this.deps;
    for (const { tenant_id: tenantId, kind } of await db.execute<{ tenant_id: string; kind: string }>(DUE, [
      clock.now(),
    ]))
      await withContext({ tenantId }, () => jobs.enqueue(TURN_TASK, { kind }, { key: turnKey(tenantId, kind) }));
  }

  private async claim(kind: string): Promise<Mine | undefined> {
    const { db, clock } = this.deps;
    const turn = newId();
    const values = [currentTenantId(), kind, turn, clock.now(), this.in(LEASE_MS)];
    const [claimed] = await db.execute<{ id: string; fruitless: number }>(CLAIM, values);
    if (!claimed) return undefined;
    const mine = { id: claimed.id, turn };
    if (claimed.fruitless <= MOST_FRUITLESS) return mine;
    await db.transaction(async () => {
      const job = await this.held(mine);
      if (job) await this.fail(job, 'internal_error');
    });
    await this.pass(mine, kind);
    return undefined;
  }

  /** @returns whether there is another one. */
  private batch(mine: Mine): Promise<boolean> {
    const { db, kinds, askers, files } = this.deps;
    return db.transaction(async () => {
      const job = await this.held(mine);
      if (!job) return false;
      const kind = kinds[job.kind];
      const actor = await askers.now(job);
      if (!actor?.scopes?.has(kind.scope)) return this.fail(job, 'permission_lost');
      job.total ??= job.cursor ? null : await kind.total(job);
      const { text, done, counts = {}, next } = await withContext({ actor }, () => kind.step(job));
      await files.append(job, text);
      job.done += done;
      for (const [name, count] of Object.entries(counts)) job.counts[name] = (job.counts[name] ?? 0) + count;
      if (job.bytes > this.mostBytes) return this.fail(job, 'result_too_large');
      if (next) return this.goOn(job, next);
      await this.ended(job, 'succeeded', null);
      return false;
    });
  }

  private async goOn(job: Job, cursor: object): Promise<true> {
    const { db, clock } = this.deps;
    const reached = { cursor, fruitless: 0, dueAt: this.in(LEASE_MS), updatedAt: clock.now() };
    await db.repo(Job).save(Object.assign(job, reached, { revision: job.revision + 1 }));
    return true;
  }

  private async fail(job: Job, error: JobError): Promise<false> {
    await this.ended(job, 'failed', error);
    return false;
  }

  private async ended(job: Job, status: 'succeeded' | 'failed', error: JobError | null): Promise<void> {
    const { endings, audit } = this.deps;
    await endings.end(job, status, error);
    const asked_by = { type: job.actorType, id: job.actorId };
    await audit.record('job.ended', { job_id: job.id, kind: job.kind, status, error, asked_by });
  }

  /** Its row, as long as it is ours to do: it may have been cancelled, or taken by another one. */
  private async held({ id, turn }: Mine): Promise<Job | undefined> {
    const row = this.deps.db.repo(Job).query('j').andWhere('j.id = :id AND j.turn = :turn', { id, turn });
    return (await row.setLock('pessimistic_write').getOne()) ?? undefined;
  }

  /** To the end of the queue, behind what other tenants wait for. */
  private pass(mine: Mine, kind: string): Promise<void> {
    const { db, clock, jobs } = this.deps;
    const tenantId = currentTenantId();
    return db.transaction(async () => {
      await db.execute(PASS, [tenantId, mine.id, mine.turn, clock.now()]);
      const [open] = await db.execute(WAITING, [tenantId, kind]);
      if (open) await jobs.enqueue(TURN_TASK, { kind }, { key: turnKey(tenantId, kind) });
    });
  }

  private in(milliseconds: number): Date {
    return new Date(this.deps.clock.now().getTime() + milliseconds);
  }
}
