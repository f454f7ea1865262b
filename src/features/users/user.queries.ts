import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { badRequest } from '../../platform/errors.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { normalizeIdentifier } from './identifier.js';
import { User } from './user.entity.js';
import type { UserQuery } from './user.schema.js';

/** Newest first; where a beginning of the address is given, in the order of the addresses, so that any of them is one look into an index. */
export const listUsers = (db: Database, query: UserQuery): Promise<Page<User>> =>
  query.email ? listByEmail(db, query, query.email) : listNewest(db, query);

async function listNewest(db: Database, query: UserQuery): Promise<Page<User>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const users = db.repo(User).query('u');
  if (after) users.andWhere('u.id < :after', { after });
  const rows = await users
    .orderBy('u.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (user) => user.id);
}

async function listByEmail(db: Database, query: UserQuery, email: string): Promise<Page<User>> {
  const after = decodeCursor(query.cursor);
  const prefix = normalizeIdentifier(email);
  if (!prefix) return { items: [], next_cursor: null };
  if (after !== undefined && !after.startsWith(prefix))
    throw badRequest('invalid_cursor', 'The cursor is not one this list gave out');
  const users = db.repo(User).query('u');
  users.andWhere('u.email_normalized LIKE :pattern', { pattern: `${prefix.replaceAll(/[\\%_]/g, '\\$&')}%` });
  if (after) users.andWhere('u.email_normalized > :after', { after });
  const rows = await users
    .orderBy('u.emailNormalized', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (user) => user.emailNormalized);
}
