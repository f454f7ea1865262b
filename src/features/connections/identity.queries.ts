import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';

export interface NamedIdentity {
  id: string;
  connection_id: string;
  connection_key: string;
  connection_name: string;
  /** Whose the connection is; null: the tenant's. */
  organization_id: string | null;
  subject: string;
  created_at: Date;
  last_used_at: Date | null;
}

/** With the names of their connections, the oldest first. */
export const identitiesOf = (db: Database, userId: string): Promise<NamedIdentity[]> =>
  db.execute<NamedIdentity>(OF_USER, [currentTenantId(), userId]);

const OF_USER = {
  name: 'identities_of_user',
  text: `
    SELECT i.id, i.connection_id, c.key AS connection_key, c.display_name AS connection_name, c.organization_id, i.subject,
           i.created_at, i.last_used_at
      FROM identities i JOIN connections c ON c.tenant_id = i.tenant_id AND c.id = i.connection_id
     WHERE i.tenant_id = $1 AND i.user_id = $2 ORDER BY i.created_at, i.id`,
};
