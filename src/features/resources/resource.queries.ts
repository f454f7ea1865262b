import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Resource } from './resource.entity.js';
import type { ResourceQuery } from './resource.schema.js';

export async function listResources(db: Database, query: ResourceQuery): Promise<Page<Resource>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const resources = db.repo(Resource).query('r');
  if (after) resources.andWhere('r.id > :after', { after });
  const rows = await resources
    .orderBy('r.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (resource) => resource.id);
}
