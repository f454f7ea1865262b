// What ends with a grant: the grants that stand on it, and those that stand on them. A token exchanged for another dies with it.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import * as statements from './grant-statements.js';

export interface EndedGrant {
  id: string;
  client_id: string;
  account_id: string;
}

/**
 * In the transaction in which the parents have ended. Level by level, each by a statement of its own: whoever was giving a grant on one of them
 * held that one until it had committed (Grants.giveApart), and only a statement that began afterwards finds what was given.
 */
export async function endChildren(
  db: Database,
  parents: readonly string[],
  now: Date,
  reason: string,
): Promise<EndedGrant[]> {
  const ended: EndedGrant[] = [];
  for (let level = parents; level.length > 0; ) {
    const rows = await db.execute<EndedGrant>(statements.endChildren, [currentTenantId(), level, now, reason]);
    ended.push(...rows);
    level = rows.map(({ id }) => id);
  }
  return ended;
}

export const recordEnded = (audit: AuditLog, ended: readonly EndedGrant[], reason: string): Promise<void> =>
  audit.recordAll(
    'grant.revoked',
    ended.map(({ id, client_id, account_id }) => ({ grant_id: id, client_id, user_id: account_id, reason })),
  );
