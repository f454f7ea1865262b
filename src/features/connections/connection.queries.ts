import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Connection } from './connection.entity.js';
import type { ConnectionQuery } from './connection.schema.js';

/** @param organizationId null: those of the tenant itself. */
export async function listConnections(
  db: Database,
  organizationId: string | null,
  query: ConnectionQuery,
): Promise<Page<Connection>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const connections = db.repo(Connection).query('c');
  if (organizationId) connections.andWhere('c.organization_id = :organizationId', { organizationId });
  else connections.andWhere('c.organization_id IS NULL');
  if (after) connections.andWhere('c.id > :after', { after });
  const rows = await connections
    .orderBy('c.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}
