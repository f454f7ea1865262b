// Owns the change of an account's address: the old one stays until the new mailbox was proved in the session that asked, and for a week the
// old mailbox can take the change back. Hands off to: MailboxProof, mail, and the hook takenBack for what ends when somebody else did it.
import type { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { databaseError } from '../../platform/database-errors.js';
import { AppError, conflict, invalid } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailService } from '../mail/mail.service.js';
import { ENDED_WITH_ADDRESS, ownerOf, TTL_SECONDS, undoSubject } from '../one-time-tokens/one-time-purposes.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { EmailAddress, normalizeIdentifier } from '../users/identifier.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import type { MailboxProof } from './mailbox-proof.js';
import type { Mailboxes } from './mailboxes.js';
import type { Registrations } from './registrations.js';

export interface EmailChangeHooks {
  /**
   * In the transaction in which a change was taken back. Nobody comes in any more as they did.
   * @param since ways in that were added then or later are as likely the other person's.
   * @returns a link to choose a password.
   */
  takenBack(user: User, since: Date): Promise<string>;
}

/** Whoever changes an address that is not theirs has made themselves at home before: as long before as a letter about it says "This was not me". */
const suspicionMs = TTL_SECONDS.lockdown * 1000;

export class EmailChange {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly mailboxes: Mailboxes,
    private readonly registrations: Registrations,
    private readonly proof: MailboxProof,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
    private readonly hooks: EmailChangeHooks,
  ) {}

  /**
   * An earlier request dies. An address that somebody has is answered alike: its owner is told, and nobody else.
   * @param session in which the link will be good. @throws AppError 422 for what is no other address, 429
   */
  async request(user: User, email: string, session: string): Promise<void> {
    const address = EmailAddress.safeParse(email);
    if (!address.success) throw refused('is not an e-mail address');
    const to = address.data;
    if (normalizeIdentifier(to) === user.emailNormalized) throw refused('is the address of this account');
    await this.mailboxes.throttle(to);
    const owner = await this.users.findByEmail(to);
    // Asked in any case. Whoever took the address without proving it gives way to whoever proves it.
    const givesWay = await this.givesWay(owner ?? { id: newId(), emailVerified: false });
    const issuer = this.tenants.issuerOf(await this.tenants.current());
    await this.db.transaction(async () => {
      const data = { from: user.email, to };
      const token = await this.oneTimeTokens.issue('email_change', user.id, { flow: session, data });
      await this.audit.record('email_change.requested', { user_id: user.id });
      if (owner && !givesWay)
        await this.mail.send('email_change_taken', owner.active ? owner.email : undefined, {}, owner.claims.locale);
      else {
        const link = `${issuer}/account/email/confirm?token=${token}`;
        const letter = { link, minutes: TTL_SECONDS.email_change / 60 };
        await this.mail.send('email_change_confirm', to, letter, user.claims.locale);
      }
    });
  }

  /** The address it would be, where this session asked for it; none where another one did. Uses nothing up: mail scanners open links too. */
  async peek(token: string, user: User, session: string): Promise<{ email?: string } | undefined> {
    const found = await this.oneTimeTokens.peek('email_change', token);
    if (!found) return undefined;
    return found.flow === session && isFrom(found, user) ? { email: found.data.to } : {};
  }

  /** @throws AppError 400 where the link is not good, 409 where somebody has the address by now. */
  confirm(token: string, { id }: User, session: string): Promise<User> {
    return this.unlessTaken(async () => {
      const used = await this.oneTimeTokens.consume('email_change', token, { flow: session });
      const user = await this.users.findActive(id);
      if (!used || !user || !isFrom(used, user)) throw invalidLink();
      const { to } = used.data;
      const from = user.emailVerified ? user.email : undefined;
      await this.makeRoom(to);
      const changed = await this.users.update(user, { email: to }, user.version, 'owner');
      // Whoever is in the account holds the mailbox: there is nobody else whom it could belong to.
      const { user: proved } = await this.proof.proved(changed, 'registrant');
      await this.oneTimeTokens.revokeAll(ENDED_WITH_ADDRESS, id);
      await this.audit.record('email.changed', { user_id: id });
      // What nobody has proved may be a stranger's mailbox: a stranger is given no way into the account.
      if (from) await this.tell(user, from, to);
      return proved;
    });
  }

  /** Whose address would be given back, and which. Uses nothing up. */
  async peekUndo(token: string): Promise<{ user: User; email: string } | undefined> {
    const found = await this.oneTimeTokens.peek('email_change_undo', token);
    const user = found && (await this.holder(found.subject));
    return user && { user, email: found.data.from };
  }

  /**
   * Works after further changes too, and ends the ways back to what came later. A deletion that was asked for meanwhile is off.
   * @returns a link to choose a password: whoever changed the address was somebody else, and knows the one there is.
   * @throws AppError 400 where the link is not good, 409 where the address has another owner by now: the link stays good then.
   */
  undo(token: string): Promise<string> {
    return this.unlessTaken(async () => {
      const used = await this.oneTimeTokens.consume('email_change_undo', token);
      let user = used && (await this.holder(used.subject));
      if (!used || !user) throw invalidLink();
      const { from } = used.data;
      if (user.deletionAt) user = await this.users.reopen(user, undefined, 'owner');
      if (normalizeIdentifier(from) !== user.emailNormalized) await this.makeRoom(from);
      user = await this.users.update(user, { email: from, email_verified: true }, user.version, 'owner');
      await this.oneTimeTokens.revokeAll(ENDED_WITH_ADDRESS, user.id);
      await this.oneTimeTokens.revokeLater('email_change_undo', user.id, token);
      await this.audit.record('email_change.undone', { user_id: user.id });
      return this.hooks.takenBack(user, new Date(Date.parse(used.data.at) - suspicionMs));
    });
  }

  private async tell(user: User, from: string, to: string): Promise<void> {
    const data = { from, to, at: this.clock.now().toISOString() };
    const subject = undoSubject(user.id, user.emailNormalized);
    const token = await this.oneTimeTokens.issue('email_change_undo', subject, { data });
    const link = `${this.tenants.issuerOf(await this.tenants.current())}/email-undo?token=${token}`;
    const letter = { link, minutes: TTL_SECONDS.email_change_undo / 60, email: masked(to) };
    await this.mail.send('email_changed', from, letter, user.claims.locale);
  }

  private async holder(subject: string): Promise<User | undefined> {
    const user = await this.users.find(ownerOf(subject)).catch(() => undefined);
    return user && !user.disabledAt ? user : undefined;
  }

  /** Somebody may have made an account for a mailbox that was not theirs: it gives way to whoever has just proved it. */
  private async makeRoom(email: string): Promise<void> {
    const other = await this.users.findByEmail(email);
    if (!other || !(await this.givesWay(other))) return;
    try {
      await this.users.delete(other, other.version);
    } catch (error) {
      // Proved meanwhile, or at another address: it is somebody's.
      if (error instanceof AppError && error.status === 412) throw addressTaken();
      // Gone by itself: there is room.
      if (!(error instanceof AppError) || error.status !== 404) throw error;
    }
  }

  private async givesWay({ id, emailVerified }: Pick<User, 'id' | 'emailVerified'>): Promise<boolean> {
    return (await this.registrations.isUnproved(id)) && !emailVerified;
  }

  /** Of two at once, the database has the last word: about the address, and about the version of the user. */
  private async unlessTaken<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.db.transaction(work);
    } catch (error) {
      if (error instanceof AppError && error.status === 412) throw invalidLink();
      if (databaseError(error)?.status !== 409) throw error;
      throw addressTaken();
    }
  }
}

const isFrom = ({ subject, data }: { subject: string; data: { from: string } }, user: User) =>
  subject === user.id && normalizeIdentifier(data.from) === user.emailNormalized;

/** As much of an address as tells its owner which one it is, and nobody else. */
const masked = (email: string) => {
  const [local = '', domain = ''] = email.split('@');
  return `${[...local][0] ?? ''}…@${domain}`;
};

const refused = (message: string) => invalid('This address cannot be used', [{ pointer: '/email', message }]);
const addressTaken = () => conflict('address_taken', 'The address belongs to another account');
