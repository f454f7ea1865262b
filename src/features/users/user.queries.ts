import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { badRequest } from '../../platform/errors.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import type { TenantRepository } from '../../platform/tenant-repository.js';
import { normalizeIdentifier } from './identifier.js';
import { User } from './user.entity.js';
import type { UserQuery } from './user.schema.js';

type Query = ReturnType<TenantRepository<User>['query']>;

/** In the order of an index each. An id begins with its time (RFC 9562 §5.7). */
const orders = {
  created_at: { column: 'u.id', property: 'u.id', rule: z.uuid(), of: ({ id }: User) => id },
  email: {
    column: 'u.email_normalized',
    property: 'u.emailNormalized',
    rule: z.string(),
    of: ({ emailNormalized }: User) => emailNormalized,
  },
};

/** Newest first; where a beginning of the address is given, in the order of the addresses, so that any of them is one look into an index. */
export async function listUsers(db: Database, query: UserQuery): Promise<Page<User>> {
  const { email, sort = email ? 'email' : '-created_at' } = query;
  const { column, property, rule, of } = orders[sort.endsWith('email') ? 'email' : 'created_at'];
  const falling = sort.startsWith('-');
  const after = decodeCursor(query.cursor, rule);
  const users = db.repo(User).query('u');
  if (email) {
    const prefix = normalizeIdentifier(email);
    if (!prefix) return { items: [], next_cursor: null };
    if (after !== undefined && sort.endsWith('email') && !after.startsWith(prefix))
      throw badRequest('invalid_cursor', 'The cursor is not one this list gave out');
    users.andWhere('u.email_normalized LIKE :prefix', { prefix: beginning(prefix) });
  }
  narrow(users, query);
  if (after !== undefined) users.andWhere(`${column} ${falling ? '<' : '>'} :after`, { after });
  const rows = await users
    .orderBy(property, falling ? 'DESC' : 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, of);
}

/** Each by an index of the few it picks out; who may come in is nearly everybody. */
function narrow(users: Query, { q, role, state }: UserQuery): void {
  if (q !== undefined)
    users.andWhere(`u.email_normalized LIKE :address OR lower(u.claims ->> 'name') COLLATE "C" LIKE lower(:name)`, {
      // What no identifier may hold begins none.
      address: beginning(normalizeIdentifier(q) ?? '\n'),
      name: beginning(q),
    });
  if (role !== undefined) users.andWhere(`u.roles <> '{}' AND :role = ANY(u.roles)`, { role });
  if (state === 'active') users.andWhere('u.disabled_at IS NULL AND u.deletion_at IS NULL');
  if (state === 'disabled') users.andWhere('u.disabled_at IS NOT NULL');
  if (state === 'closed') users.andWhere('u.deletion_at IS NOT NULL');
}

const beginning = (text: string): string => `${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
