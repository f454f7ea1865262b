import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { normalizeIdentifier } from './identifier.js';
import { User } from './user.entity.js';
import type { UserQuery } from './user.schema.js';

/** Newest first. */
export async function listUsers(db: Database, query: UserQuery): Promise<Page<User>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const users = db.repo(User).query('u');
  if (after) users.andWhere('u.id < :after', { after });
  if (query.email) {
    const prefix = normalizeIdentifier(query.email);
    if (!prefix) return { items: [], next_cursor: null };
    users.andWhere('u.email_normalized LIKE :prefix', { prefix: `${prefix.replaceAll(/[\\%_]/g, '\\$&')}%` });
  }
  const rows = await users
    .orderBy('u.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (user) => user.id);
}
