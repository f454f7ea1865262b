import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Job } from './job.entity.js';
import type { JobQuery } from './job.schema.js';

/** Newest first: ids begin with their time. */
export async function listJobs(db: Database, query: JobQuery): Promise<Page<Job>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const jobs = db.repo(Job).query('j');
  if (after) jobs.andWhere('j.id < :after', { after });
  if (query.kind) jobs.andWhere('j.kind = :kind', { kind: query.kind });
  if (query.status) jobs.andWhere('j.status = :status', { status: query.status });
  const rows = await jobs
    .orderBy('j.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}
