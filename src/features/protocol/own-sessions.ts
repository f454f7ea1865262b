// The sessions of one account, as its owner sees and ends them.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { holdSession } from './grant-statements.js';
import type { Sessions } from './sessions.js';

export interface OwnSession {
  uid: string;
  ip: string | null;
  userAgent: string | null;
  acr: string | null;
  amr: string[];
  /** client_id of each application that was signed in to. */
  clients: string[];
  createdAt: Date;
  lastActiveAt: Date;
  expiresAt: Date;
}

export class OwnSessions {
  constructor(
    private readonly db: Database,
    private readonly sessions: Pick<Sessions, 'endOwn' | 'endAll'>,
    private readonly clock: Clock,
  ) {}

  /** Live ones, the one used last first. Read where they are written: what was ended a moment ago is gone. */
  of(accountId: string): Promise<OwnSession[]> {
    return this.db.execute<OwnSession>(LIST, [currentTenantId(), accountId, this.clock.now()]);
  }

  /** @throws AppError 404 for a session of somebody else as for none. */
  end(accountId: string, uid: string): Promise<void> {
    return this.sessions.endOwn(accountId, uid, 'revoked');
  }

  /** In the transaction of a change that is made in it: whoever ends it waits, or was first. @returns whether it goes on. */
  async hold(uid: string): Promise<boolean> {
    const [held] = await this.db.execute<{ ended_at: Date | null }>(holdSession, [currentTenantId(), uid]);
    return held !== undefined && held.ended_at === null;
  }

  /** @returns how many ended. */
  endOthers(accountId: string, currentUid: string): Promise<number> {
    return this.sessions.endAll(accountId, 'revoked', currentUid);
  }
}

const LIST = {
  name: 'protocol_own_sessions',
  text: `
    SELECT uid, ip, user_agent AS "userAgent", payload ->> 'acr' AS acr, COALESCE(payload -> 'amr', '[]') AS amr,
           ARRAY(SELECT jsonb_object_keys(COALESCE(payload -> 'authorizations', '{}'))) AS clients,
           created_at AS "createdAt", updated_at AS "lastActiveAt", expires_at AS "expiresAt"
      FROM sessions
     WHERE tenant_id = $1 AND account_id = $2 AND ended_at IS NULL AND expires_at > $3
     ORDER BY updated_at DESC, uid LIMIT 100`,
};
