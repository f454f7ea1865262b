import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Tenant } from './tenant.entity.js';
import type { TenantQuery } from './tenant.schema.js';

/** Newest first. */
export async function listTenants(db: Database, query: TenantQuery): Promise<Page<Tenant>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const tenants = db.manager.createQueryBuilder(Tenant, 't');
  if (after) tenants.where('t.id < :after', { after });
  const rows = await tenants
    .orderBy('t.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (tenant) => tenant.id);
}
