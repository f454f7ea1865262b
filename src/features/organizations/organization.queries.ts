import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Organization } from './organization.entity.js';
import type { OrganizationQuery } from './organization.schema.js';

/** Newest first. @param memberId only those that this person belongs to, as long as both stand. */
export async function listOrganizations(
  db: Database,
  query: OrganizationQuery,
  memberId?: string,
): Promise<Page<Organization>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const organizations = db.repo(Organization).query('o');
  if (memberId)
    organizations.andWhere('o.suspended_at IS NULL').andWhere(
      `EXISTS (SELECT 1 FROM memberships m WHERE m.tenant_id = o.tenant_id AND m.organization_id = o.id
                    AND m.user_id = :memberId AND m.suspended_at IS NULL)`,
      { memberId },
    );
  if (after) organizations.andWhere('o.id < :after', { after });
  const rows = await organizations
    .orderBy('o.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}
