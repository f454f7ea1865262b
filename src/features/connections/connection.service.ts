// Owns which identity providers the tenant and its organizations trust, and what they are told to do.
// Hands off to: connection-upstream.ts (what is read of them), connection-keys.ts (our own keys), home-realm.ts (who is sent where).
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import { Organization } from '../organizations/organization.entity.js';
import { Connection } from './connection.entity.js';

export class ConnectionService {
  constructor(private readonly db: Database) {}

  /** Of the tenant itself, or of this organization. @throws AppError 404 */
  async find(owner: Pick<Organization, 'id'> | null, id: string): Promise<Connection> {
    const found = await this.db.repo(Connection).findOneBy({ id });
    if (!found || found.organizationId !== (owner?.id ?? null)) throw notFound('connection');
    return found;
  }

  /** Whosever it is: undefined where it is disabled, or its organization is suspended. */
  async enabled(id: string): Promise<Connection | undefined> {
    const found = await this.db.repo(Connection).findOneBy({ id });
    if (!found?.enabled) return undefined;
    if (found.organizationId === null) return found;
    const organization = await this.db.repo(Organization).findOneBy({ id: found.organizationId });
    return organization?.active ? found : undefined;
  }
}
