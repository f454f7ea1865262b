import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import type { AuditQuery } from './audit.schema.js';
import { AuditEvent } from './audit-event.entity.js';

/** Newest first. The order of the ids is the order of the events, so a span of time is a span of ids: one index answers both. */
export async function listAuditEvents(db: Database, query: AuditQuery): Promise<Page<AuditEvent>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const events = db.repo(AuditEvent).query('event');
  if (after) events.andWhere('event.id < :after', { after });
  if (query.user_id) events.andWhere(`event.data ->> 'user_id' = :userId`, { userId: query.user_id });
  if (query.name) events.andWhere('event.name = :name', { name: query.name });
  if (query.actor) events.andWhere('event.actor_id = :actor', { actor: query.actor });
  if (query.from) events.andWhere('event.id >= :from', { from: firstIdAt(query.from) });
  if (query.to) events.andWhere('event.id < :to', { to: firstIdAt(query.to) });
  const rows = await events
    .orderBy('event.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (event) => event.id);
}

/** In milliseconds. RFC 9562 §5.7: the first 48 bits. */
export const timeOfId = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

/** The least UUIDv7 of a millisecond (RFC 9562 §5.7). */
export function firstIdAt(time: string): string {
  const milliseconds = Math.max(0, Date.parse(time)).toString(16).padStart(12, '0').slice(-12);
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7000-8000-000000000000`;
}
