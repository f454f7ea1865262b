// The part of the record that a person is shown of their own account: what they would recognise, or would want to know of.
import type { Database } from '../../platform/database.js';
import type { AuditEventName } from './audit.events.js';
import { AuditEvent } from './audit-event.entity.js';

/** Each has its sentence in the pages (account.activity.<name>). */
export const TOLD: readonly AuditEventName[] = [
  'user.created',
  'user.updated',
  'sign_in.succeeded',
  'sign_in.failed',
  'session.ended',
  'account.locked',
  'account.unlocked',
  'account.locked_down',
  'password.set',
  'password.removed',
  'password.link_requested',
  'factor.added',
  'factor.removed',
  'email_change.requested',
  'email.changed',
  'email_change.undone',
  'account.deletion_requested',
  'account.deletion_withdrawn',
  'account.exported',
  'passkey.added',
  'passkey.renamed',
  'passkey.removed',
  'identity.linked',
  'identity.unlinked',
  'role.assigned',
  'role.removed',
  'recovery_codes.renewed',
  'recovery_codes.used',
  'recovery.requested',
  'recovery.cancelled',
  'recovery.completed',
  'device.remembered',
  'device.forgotten',
  'grant.given',
  'impersonation.started',
  'impersonation.ended',
  'device_code.approved',
  'grant.revoked',
];

const PAGE = 50;

export class OwnActivity {
  constructor(private readonly db: Database) {}

  /** Newest first. @param before the id of an event of the page before. @returns `older`, to ask for the next page with, where there is one. */
  async of(userId: string, before?: string): Promise<{ events: AuditEvent[]; older?: string }> {
    const query = this.db
      .repo(AuditEvent)
      .query('event')
      .andWhere(`event.data ->> 'user_id' = :userId`, { userId })
      .andWhere('event.name IN (:...told)', { told: TOLD })
      // Signing out is told once, whatever it ended.
      .andWhere(`NOT (event.name = 'grant.revoked' AND event.data ->> 'reason' = 'logout')`);
    if (before) query.andWhere('event.id < :before', { before });
    const rows = await query
      .orderBy('event.id', 'DESC')
      .limit(PAGE + 1)
      .getMany();
    const events = rows.slice(0, PAGE).map((event) => withoutOthers(event, userId));
    const last = rows.length > PAGE ? events.at(-1)?.id : undefined;
    return { events, ...(last ? { older: last } : {}) };
  }
}

/** Where somebody else acted, as an administrator, the address and the browser are theirs. */
function withoutOthers(event: AuditEvent, userId: string): AuditEvent {
  const { actorType, actorId } = event;
  if (actorId === userId || actorType === null || actorType === 'system') return event;
  return Object.assign(new AuditEvent(), event, { ip: null, userAgent: null });
}
