// How those end who act for somebody else, beside what ends every grant: with what either of the two may do, and with every sign-in of the person.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type EndedGrant, endChildren, recordEnded } from './ended-grants.js';
import * as statements from './grant-statements.js';

/** Each by itself is enough. */
export interface Impersonated {
  /** A person for whom somebody acts. */
  of?: string;
  /** Whoever acts. */
  by?: string;
  /** A role that one of the two has. */
  role?: string;
  /** Everybody of the tenant. */
  all?: true;
}

/** In the transaction of its cause; whoever begins one meanwhile holds both people (features/impersonation), and is waited for. */
export async function endImpersonations(
  db: Database,
  audit: AuditLog,
  now: Date,
  { of, by, role, all }: Impersonated,
  reason: string,
): Promise<void> {
  const which = [of ?? null, by ?? null, role ?? null, all ?? false];
  const values = [currentTenantId(), now, now, reason, ...which];
  const rows = await db.execute<EndedGrant>(statements.endImpersonations, values);
  const ids = rows.map(({ id }) => id);
  await recordEnded(audit, [...rows, ...(await endChildren(db, ids, now, reason))], reason);
}
