import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import type { AuditQuery } from './audit.schema.js';
import { AuditEvent } from './audit-event.entity.js';

/** Newest first. */
export async function listAuditEvents(db: Database, query: AuditQuery): Promise<Page<AuditEvent>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const events = db.repo(AuditEvent).query('event');
  if (after) events.andWhere('event.id < :after', { after });
  if (query.name) events.andWhere('event.name = :name', { name: query.name });
  if (query.actor) events.andWhere('event.actor_id = :actor', { actor: query.actor });
  if (query.from) events.andWhere('event.occurred_at >= :from', { from: query.from });
  if (query.to) events.andWhere('event.occurred_at < :to', { to: query.to });
  const rows = await events
    .orderBy('event.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (event) => event.id);
}
