// What is done with grants that have ended: what stands on them ends too, and the record says so.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import * as statements from './grant-statements.js';

export interface EndedGrant {
  id: string;
  client_id: string;
  account_id: string;
  origin: string;
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

/** Nobody has allowed an impersonation: it ends under its own name. */
export async function recordEnded(audit: AuditLog, ended: readonly EndedGrant[], reason: string): Promise<void> {
  const [impersonations, grants] = [ended.filter(isImpersonation), ended.filter((one) => !isImpersonation(one))];
  await audit.recordAll(
    'grant.revoked',
    grants.map(({ id, client_id, account_id }) => ({ grant_id: id, client_id, user_id: account_id, reason })),
  );
  await audit.recordAll(
    'impersonation.ended',
    impersonations.map(({ id, account_id }) => ({ impersonation_id: id, user_id: account_id, reason })),
  );
}

const isImpersonation = ({ origin }: EndedGrant): boolean => origin === 'impersonation';
