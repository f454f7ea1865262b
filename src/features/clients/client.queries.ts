import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Client } from './client.entity.js';
import type { ClientQuery } from './client.schema.js';

export async function listClients(db: Database, query: ClientQuery): Promise<Page<Client>> {
  const after = decodeCursor(query.cursor, z.string().max(256));
  const clients = db.repo(Client).query('c');
  if (after) clients.andWhere('c.client_id > :after', { after });
  if (query.q) {
    const part = `%${query.q.replaceAll(/[\\%_]/g, '\\$&')}%`;
    clients.andWhere('(c.name ILIKE :part OR c.client_id = :q)', { part, q: query.q });
  }
  const rows = await clients
    .orderBy('c.clientId', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (client) => client.clientId);
}
