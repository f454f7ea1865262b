// Owns by which connection the members of an organization come in, where it asks for one. Hands off to: home-realm.ts, which goes by what somebody types.
import type { Database } from '../../platform/database.js';
import { Connection } from './connection.entity.js';

export class OrganizationRealms {
  constructor(private readonly db: Database) {}

  /** Of several that are enabled the oldest; undefined where none is. */
  async of(organizationId: string): Promise<Connection | undefined> {
    const connections = this.db
      .repo(Connection)
      .query('c')
      .andWhere('c.organization_id = :organizationId', { organizationId });
    const found = await connections
      .andWhere('c.enabled_at IS NOT NULL')
      .orderBy('c.created_at', 'ASC')
      .addOrderBy('c.id')
      .getOne();
    return found ?? undefined;
  }
}
