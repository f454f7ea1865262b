// What ends with a session, by why it ends; and the end of many at once, for a person may have thousands (a monitor that signs in each minute)
// and their row is held meanwhile. Sessions ends one, and says which.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type EndedGrant, endChildren, recordEnded } from './grant-endings.js';
import { endGrantsOfSessions } from './grant-statements.js';
import type { SessionEnd } from './sessions.js';
import { type Authorizations, sidsOf, type TellClients } from './signed-out.js';
import * as statements from './statements.js';

/** Sessions that one statement ends. */
const batch = 1000;

interface Dependencies {
  db: Database;
  audit: AuditLog;
  signedOut: TellClients;
}

/** In the transaction that keeps new ones from beginning. */
export async function endTogether(
  deps: Dependencies,
  now: Date,
  accountId: string,
  uids: readonly string[],
  reason: SessionEnd,
): Promise<void> {
  for (let from = 0; from < uids.length; from += batch)
    await endBatch(deps, now, accountId, uids.slice(from, from + batch), reason);
}

async function endBatch(
  { db, audit, signedOut }: Dependencies,
  now: Date,
  accountId: string,
  uids: readonly string[],
  reason: SessionEnd,
): Promise<void> {
  const ended = await db.execute<Ended>(statements.endSessions, [currentTenantId(), uids, now, reason]);
  await signedOut(
    ended.map(({ uid, authorizations }) => ({ sessionUid: uid, accountId, sids: sidsOf(authorizations ?? {}) })),
  );
  const outliving = ended.flatMap(({ uid, authorizations }) =>
    outlivingClients(authorizations ?? {}, reason).map((clientId) => ({ uid, clientId })),
  );
  const grants = await db.execute<EndedGrant>(endGrantsOfSessions, [
    currentTenantId(),
    ended.map(({ uid }) => uid),
    outliving.map(({ uid }) => uid),
    outliving.map(({ clientId }) => clientId),
    now,
    grantEnd(reason),
  ]);
  const ids = grants.map(({ id }) => id);
  await recordEnded(audit, [...grants, ...(await endChildren(db, ids, now, grantEnd(reason)))], reason);
  await audit.recordAll(
    'session.ended',
    ended.map(({ uid }) => ({ session_id: uid, user_id: accountId, reason })),
  );
}

interface Ended {
  uid: string;
  authorizations: Authorizations | null;
}

/** Applications whose grants go on without the session (OpenID Connect Core §11): none where the account, or what proves it, is another now. */
export const outlivingClients = (authorizations: Authorizations, reason: SessionEnd): string[] =>
  reason === 'password_changed' || reason === 'factors_removed' || reason === 'account_ended'
    ? []
    : Object.keys(authorizations).filter((clientId) => authorizations[clientId]?.persistsLogout);

export const grantEnd = (reason: SessionEnd) => (reason === 'account_ended' ? 'account_ended' : 'logout');
