import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import type { MailQuery } from './mail.schema.js';
import { MailMessage } from './mail-message.entity.js';

/** Newest first: ids are in the order of their making (RFC 9562 §5.7). */
export async function listMailMessages(db: Database, query: MailQuery): Promise<Page<MailMessage>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const messages = db.repo(MailMessage).query('message');
  if (after) messages.andWhere('message.id < :after', { after });
  if (query.status) messages.andWhere('message.status = :status', { status: query.status });
  const rows = await messages
    .orderBy('message.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (message) => message.id);
}
