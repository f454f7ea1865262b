import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { badRequest } from '../../platform/errors.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Client } from './client.entity.js';
import type { ClientQuery } from './client.schema.js';

/** By client_id; where something is searched, by name. */
export const listClients = (db: Database, query: ClientQuery): Promise<Page<Client>> =>
  query.q ? search(db, query, query.q) : listAll(db, query);

async function listAll(db: Database, query: ClientQuery): Promise<Page<Client>> {
  const after = decodeCursor(query.cursor, z.string().max(256));
  const clients = db.repo(Client).query('c');
  if (after) clients.andWhere('c.client_id > :after', { after });
  const rows = await clients
    .orderBy('c.clientId', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (client) => client.clientId);
}

/** As the index has it (migrations/0017). */
const nameOf = (alias: string) => `lower(${alias}.name) COLLATE "C"`;

/**
 * Names that begin with it, and the client that has it as its client_id. What comes after the cursor is looked up in the index of names first,
 * no more of it than a page: a name that half of the clients have costs no more than a rare one.
 */
async function search(db: Database, query: ClientQuery, q: string): Promise<Page<Client>> {
  const [name, id] = keyOf(query.cursor);
  const after = (alias: string) =>
    name === undefined ? 'TRUE' : `(${nameOf(alias)}, ${alias}.client_id) > (lower(:name) COLLATE "C", :id)`;
  const rows = await db
    .repo(Client)
    .query('c')
    .addSelect(nameOf('c'), 'name_key')
    .andWhere(
      `c.client_id IN (
         (SELECT n.client_id FROM clients n
           WHERE n.tenant_id = :tenantId AND ${nameOf('n')} LIKE lower(:pattern) AND ${after('n')}
           ORDER BY ${nameOf('n')}, n.client_id LIMIT :rows)
         UNION ALL SELECT CAST(:q AS text))`,
      { pattern: `${q.replaceAll(/[\\%_]/g, '\\$&')}%`, q, name, id, rows: query.limit + 1 },
    )
    .andWhere(after('c'))
    .orderBy('name_key', 'ASC')
    .addOrderBy('c.clientId', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (client) => JSON.stringify([client.name, client.clientId]));
}

function keyOf(cursor: string | undefined): [string, string] | [undefined, undefined] {
  const key = decodeCursor(cursor);
  if (key === undefined) return [undefined, undefined];
  try {
    return z.tuple([z.string(), z.string()]).parse(JSON.parse(key));
  } catch {
    throw badRequest('invalid_cursor', 'The cursor is not one this list gave out');
  }
}
