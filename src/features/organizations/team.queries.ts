import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Slug } from '../tenants/tenant.schema.js';
import { Team } from './team.entity.js';
import type { TeamQuery } from './team.schema.js';

/** In the order of their slugs. */
export async function listTeams(db: Database, organizationId: string, query: TeamQuery): Promise<Page<Team>> {
  const after = decodeCursor(query.cursor, Slug);
  const teams = db.repo(Team).query('t').andWhere('t.organization_id = :organizationId', { organizationId });
  if (after) teams.andWhere('t.slug > :after', { after });
  const rows = await teams
    .orderBy('t.slug', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ slug }) => slug);
}
