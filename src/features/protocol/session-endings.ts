// What ends with a session, by why it ends, and who is told: of one or of thousands (a monitor that signs in each minute) by the same statements,
// for the row of the person is held meanwhile.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type EndedGrant, endChildren, recordEnded } from './ended-grants.js';
import { endGrantsOfSessions, onSession } from './grant-statements.js';
import { endImpersonations } from './impersonation-endings.js';
import type { SessionEnd } from './sessions.js';
import { type Authorizations, sidsOf, type TellClients } from './signed-out.js';
import * as statements from './statements.js';

/** Sessions that one statement ends. */
const batch = 1000;

interface Ended {
  uid: string;
  account_id: string | null;
  authorizations: Authorizations | null;
}

export class SessionEndings {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly signedOut: TellClients,
  ) {}

  /** In one transaction: the sessions, the grants made in them unless they outlive them, and the word to the applications. What has ended already stays as it is. */
  end(uids: readonly string[], reason: SessionEnd): Promise<void> {
    return this.db.transaction(async () => {
      for (let from = 0; from < uids.length; from += batch) await this.endBatch(uids.slice(from, from + batch), reason);
    });
  }

  /** Where a person is signed out everywhere: nobody else goes on in their name either. */
  endImpersonations(accountId: string, reason: SessionEnd): Promise<void> {
    return endImpersonations(this.db, this.audit, this.clock.now(), { of: accountId }, reason);
  }

  private async endBatch(uids: readonly string[], reason: SessionEnd): Promise<void> {
    const now = this.clock.now();
    const ended = await this.db.execute<Ended>(statements.endSessions, [currentTenantId(), uids, now, reason]);
    // A session of nobody yet has given nothing.
    const people = ended.flatMap(({ uid, account_id: accountId, authorizations }) =>
      accountId ? [{ uid, accountId, authorizations: authorizations ?? {} }] : [],
    );
    if (people.length === 0) return;
    await this.signedOut(
      people.map(({ uid, accountId, authorizations }) => ({
        sessionUid: uid,
        accountId,
        sids: sidsOf(authorizations),
      })),
    );
    const outliving = people.flatMap(({ uid, authorizations }) =>
      outlivingClients(authorizations, reason).map((clientId) => ({ uid, clientId })),
    );
    const end = reason === 'account_ended' ? 'account_ended' : 'logout';
    const grants = await this.db.execute<EndedGrant>(endGrantsOfSessions, [
      currentTenantId(),
      people.map(({ uid }) => uid),
      outliving.map(({ uid }) => uid),
      outliving.map(({ clientId }) => clientId),
      now,
      end,
      people.map(({ uid }) => onSession(uid)),
    ]);
    const ids = grants.map(({ id }) => id);
    await recordEnded(this.audit, [...grants, ...(await endChildren(this.db, ids, now, end))], reason);
    await this.audit.recordAll(
      'session.ended',
      people.map(({ uid, accountId }) => ({ session_id: uid, user_id: accountId, reason })),
    );
  }
}

const ENDS_EVERYTHING: ReadonlySet<SessionEnd> = new Set([
  'password_changed',
  'factors_removed',
  'account_ended',
  'connection_ended',
]);

/** Applications whose grants go on without the session (OpenID Connect Core §11): none where the account, or what proves it, is another now, or gone. */
const outlivingClients = (authorizations: Authorizations, reason: SessionEnd): string[] =>
  ENDS_EVERYTHING.has(reason)
    ? []
    : Object.keys(authorizations).filter((clientId) => authorizations[clientId]?.persistsLogout);
