// Rows of connections that are held while something is given on their word. Whoever holds a person as well holds the connection first: who disables it
// goes on to everybody who came in by it.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { Connection } from './connection.entity.js';

/** As it is, until the end of the transaction. */
export async function heldConnection(db: Database, id: string): Promise<Connection | undefined> {
  const row = db.repo(Connection).query('c').andWhere('c.id = :id', { id });
  return (await row.setLock('pessimistic_read').getOne()) ?? undefined;
}

/** What its organization has proved now; null for the tenant's own. */
export async function domainsOf(db: Database, { organizationId }: Connection): Promise<string[] | null> {
  if (organizationId === null) return null;
  const rows = await db.execute<{ domain: string }>(DOMAINS, [currentTenantId(), organizationId]);
  return rows.map(({ domain }) => domain);
}

const DOMAINS = {
  name: 'connection_domains',
  text: `
    SELECT domain FROM organization_domains WHERE tenant_id = $1 AND organization_id = $2 AND verified_at IS NOT NULL ORDER BY domain`,
};
