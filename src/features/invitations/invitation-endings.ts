// Owns what becomes of open invitations when somebody comes in another way, or their place in an organization, or their account, ends: nobody comes
// back by what was offered before. Called in the transaction of that.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { InvitationLetters } from './invitation-letters.js';

export class InvitationEndings {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly letters: Pick<InvitationLetters, 'end'>,
  ) {}

  /** Whoever is in by somebody's word is asked no more. The organization is held. */
  memberAdded(organizationId: string, userId: string): Promise<void> {
    return this.end(OF_PERSON, [organizationId, userId]);
  }

  /** Suspended, removed or gone: those that they have made end, and one that asks them. The organization is held. */
  memberEnded(organizationId: string, userId: string): Promise<void> {
    return this.end(OF_MEMBER, [organizationId, userId]);
  }

  /** Those that they have made anywhere: without their account nobody could tell any more that it was a person who asked. */
  accountEnded(userId: string): Promise<void> {
    return this.end(OF_ACCOUNT, [userId]);
  }

  private async end(statement: Statement, whose: readonly string[]): Promise<void> {
    const ended = await this.db.execute<Ended>(statement, [currentTenantId(), this.clock.now(), ...whose]);
    for (const invitation of ended) await this.letters.end(invitation);
    const events = ended.map(({ id, organization_id }) => ({ organization_id, invitation_id: id }));
    await this.audit.recordAll('invitation.cancelled', events);
  }
}

interface Ended {
  id: string;
  organization_id: string;
}

const CANCEL = `
  UPDATE organization_invitations SET state = 'cancelled', decided_at = $2, updated_at = $2, version = version + 1
   WHERE tenant_id = $1 AND state = 'pending'`;

const OF_PERSON = {
  name: 'invitation_end_of_person',
  text: `
    ${CANCEL} AND organization_id = $3
      AND email_normalized = (SELECT email_normalized FROM users WHERE tenant_id = $1 AND id = $4)
    RETURNING id, organization_id`,
};

const OF_MEMBER = {
  name: 'invitation_end_of_member',
  text: `
    ${CANCEL} AND organization_id = $3
      AND (invited_by = $4 OR email_normalized = (SELECT email_normalized FROM users WHERE tenant_id = $1 AND id = $4))
    RETURNING id, organization_id`,
};

const OF_ACCOUNT = {
  name: 'invitation_end_of_account',
  text: `${CANCEL} AND invited_by = $3 RETURNING id, organization_id`,
};
