// Owns the link by which somebody says that an address is theirs: once, by POST, a newer one ends the older.
// Hands off to: MailboxProof for what the proof means, mail.
import { sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { badRequest, conflict, notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { PasswordService } from '../credentials/password.service.js';
import type { MailService } from '../mail/mail.service.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { lockedUser } from '../users/user-rows.js';
import type { MailboxProof } from './mailbox-proof.js';
import type { Mailboxes } from './mailboxes.js';
import type { Registrations } from './registrations.js';

export interface Confirmation {
  /** The interaction of the browser that confirms, where there is one. */
  flow?: string | undefined;
  /** Whoever made the account elsewhere shows by its password that it was them. */
  password?: string | undefined;
}

export interface Found {
  user: User;
  unproved: boolean;
  here: boolean;
  /** The interaction that goes on with it, where there is one. */
  flow: string | undefined;
}

export class EmailVerification {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly passwords: PasswordService,
    private readonly mailboxes: Mailboxes,
    private readonly registrations: Registrations,
    private readonly proof: MailboxProof,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
  ) {}

  /** The older link dies. @returns what the letter says; it is shown now or never. */
  async issue(subject: string, email: string, flow?: string): Promise<{ link: string; minutes: number }> {
    const token = await this.oneTimeTokens.issue('email_verification', subject, { data: { email, flow } });
    const issuer = this.tenants.issuerOf(await this.tenants.current());
    return { link: `${issuer}/verify-email?token=${token}`, minutes: TTL_SECONDS.email_verification / 60 };
  }

  /**
   * The same for an address without an account, and for one that is proved already: nothing is sent to these.
   * @param flow the interaction that goes on with it. @throws AppError 429
   */
  async resend(identifier: string, flow?: string): Promise<void> {
    const { user, subject, email } = await this.mailboxes.throttle(identifier);
    await this.db.transaction(async () => {
      const letter = await this.issue(subject, email, flow);
      const event = { user_id: user?.id ?? null, purpose: 'email_verification' };
      await this.audit.record('mailbox.letter_requested', event);
      const to = user && !user.emailVerified ? user.email : undefined;
      await this.mail.send('verify_email', to, letter, user?.claims.locale);
    });
  }

  /** By the word of an administrator. The older link dies. @throws AppError 409 where there is nothing to prove, or nobody to do it. */
  async send({ id }: Pick<User, 'id'>): Promise<void> {
    await this.db.transaction(async () => {
      // Whoever proves the address meanwhile, or ends the account, waits or was first.
      const user = await lockedUser(this.db, id);
      if (!user) throw notFound('user');
      if (!user.active) throw conflict('user_inactive', 'Who may not come in is sent no letters');
      if (user.emailVerified) throw conflict('already_verified', 'This address is proved already');
      const letter = await this.issue(id, user.emailNormalized);
      await this.audit.record('mailbox.letter_requested', { user_id: id, purpose: 'email_verification' });
      await this.mail.send('verify_email', user.email, letter, user.claims.locale);
    });
  }

  /**
   * Whose address the link proves, and whether its account has to be shown to be theirs; `here`: because it was made in this flow, it is.
   * Uses nothing up: mail scanners open links too.
   */
  async peek(token: string, here?: string): Promise<Found | undefined> {
    const found = await this.oneTimeTokens.peek('email_verification', token);
    const user = found && (await this.mailboxes.holder(found));
    if (!user) return undefined;
    const flow = await this.registrations.flowHashOf(user.id);
    const madeHere = here !== undefined && flow === sha256(here);
    return { user, unproved: flow !== undefined && !user.emailVerified, here: madeHere, flow: found.data.flow };
  }

  /**
   * Uses the link up. Who neither comes back in the interaction of the registration nor knows its password gets an account without
   * the ways in that somebody else put there, and chooses a password anew.
   * @throws AppError 400 where the link is not good, 422 where the password is not the account's: the link stays good then.
   */
  async confirm(token: string, { flow, password }: Confirmation = {}): Promise<{ user: User; disowned: boolean }> {
    const known = await this.peek(token);
    if (!known) throw invalidLink();
    if (password !== undefined) {
      const { outcome } = await this.passwords.verify(known.user.email, password, { evenUnproved: true });
      if (outcome !== 'ok') throw badRequest('wrong_password', 'This is not the password of the account');
      await this.passwords.settle(known.user);
    }
    return this.db.transaction(async () => {
      const used = await this.oneTimeTokens.consume('email_verification', token);
      const user = used && (await this.mailboxes.holder(used));
      if (!user) throw invalidLink();
      return this.proof.proved(user, password === undefined ? { flow } : 'registrant');
    });
  }
}
