import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Trace } from './trace.entity.js';
import type { TraceQuery } from './trace.schema.js';
import { TRACE_ID } from './traces.js';

/** When it was and which one, with one space between: many are refused in one millisecond. */
const Key = z.string().refine((key) => {
  const [at = '', id = '', ...more] = key.split(' ');
  return more.length === 0 && z.iso.datetime().safeParse(at).success && TRACE_ID.test(id);
});

/** Newest first. */
export async function listTraces(db: Database, query: TraceQuery): Promise<Page<Trace>> {
  const [at, id] = decodeCursor(query.cursor, Key)?.split(' ') ?? [];
  const traces = db.repo(Trace).query('trace');
  if (at) traces.andWhere('(trace.occurredAt, trace.id) < (:at, :id)', { at, id });
  if (query.client_id !== undefined) traces.andWhere('trace.clientId = :client', { client: query.client_id });
  if (query.connection_id) traces.andWhere('trace.connectionId = :connection', { connection: query.connection_id });
  if (query.kind) traces.andWhere('trace.kind = :kind', { kind: query.kind });
  if (query.outcome) traces.andWhere('trace.outcome = :outcome', { outcome: query.outcome });
  const rows = await traces
    .orderBy('trace.occurredAt', 'DESC')
    .addOrderBy('trace.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (trace) => `${trace.occurredAt.toISOString()} ${trace.id}`);
}
