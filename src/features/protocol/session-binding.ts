// A session is at home where it was signed in: a cookie that comes from elsewhere may be somebody else's (OWASP ASVS 5.0 V7.5, RFC 6265bis §8.4).
// Who moved proves anew who they are; by the tenant's word the session ends instead. Tokens are not concerned: clients call from servers.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { SessionPolicy } from '../tenants/tenant.schema.js';
import { ProtocolRequest, type SessionSnapshot } from './request.js';
import { browserOf, movedFrom } from './session-home.js';
import type { Sessions } from './sessions.js';

export type BindingPolicy = Pick<SessionPolicy, 'binding' | 'when_moved'>;

export class SessionBinding {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly sessions: Sessions,
    private readonly clock: Clock,
  ) {}

  /**
   * @param session as it was found by its cookie.
   * @returns `moved`: whoever this is signs in again before anything else; `ended`: nobody is signed in any more.
   */
  async check(
    policy: BindingPolicy,
    { uid, home }: Pick<SessionSnapshot, 'uid' | 'home'>,
    accountId: string,
  ): Promise<'here' | 'moved' | 'ended'> {
    const { ip, userAgent } = currentContext() ?? {};
    const moved = home ? movedFrom(policy.binding, home, { ip, userAgent }) : [];
    if (moved.length === 0) return 'here';
    const ends = policy.when_moved === 'end';
    await this.db.transaction(async () => {
      // Once for each place, however often it is asked from there.
      const place = `${ip ?? ''} ${browserOf({ userAgent })}`;
      const noted = await this.db.execute(NOTE, [currentTenantId(), uid, place, this.clock.now()]);
      const event = { session_id: uid, user_id: accountId, moved, decision: policy.when_moved };
      if (noted.length > 0) await this.audit.record('session.moved', event);
      if (ends) await this.sessions.end(new ProtocolRequest(), uid, 'moved');
    });
    return ends ? 'ended' : 'moved';
  }
}

const NOTE = {
  name: 'session_note_move',
  text: `
    UPDATE sessions SET moved_to = $3
    WHERE tenant_id = $1 AND uid = $2 AND ended_at IS NULL AND expires_at > $4 AND moved_to IS DISTINCT FROM $3 RETURNING uid`,
};
