import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { OrganizationRole } from './organization-role.entity.js';
import type { RoleQuery } from './organization-role.schema.js';

/** Oldest first. @param organizationId its own and the tenant's; null: the tenant's alone. */
export async function listRoles(
  db: Database,
  organizationId: string | null,
  query: RoleQuery,
): Promise<Page<OrganizationRole>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const roles = db.repo(OrganizationRole).query('r');
  roles.andWhere('r.organization_id = :organizationId OR r.organization_id IS NULL', { organizationId });
  if (after) roles.andWhere('r.id > :after', { after });
  const rows = await roles
    .orderBy('r.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}
