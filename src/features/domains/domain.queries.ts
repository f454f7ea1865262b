import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { OrganizationDomain } from './domain.entity.js';
import type { DomainQuery } from './domain.schema.js';

export async function listDomains(
  db: Database,
  organizationId: string,
  query: DomainQuery,
): Promise<Page<OrganizationDomain>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const domains = db
    .repo(OrganizationDomain)
    .query('d')
    .andWhere('d.organization_id = :organizationId', { organizationId });
  if (after) domains.andWhere('d.id > :after', { after });
  const rows = await domains
    .orderBy('d.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}
