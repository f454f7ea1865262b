// Owns the first factor by a link in a mail: good for fifteen minutes, once, for the browser that asked; confirmed by POST.
// Hands off to: EmailCodes, where the link is opened in another browser: that one gets a code to type where the sign-in was begun.
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailedCodeTries } from '../credentials/mailed-code-tries.js';
import type { MailService } from '../mail/mail.service.js';
import { subjectOf, TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { EmailCodes } from './email-codes.js';
import type { MailboxProof } from './mailbox-proof.js';
import type { Mailboxes } from './mailboxes.js';

export type Opened =
  | { outcome: 'here'; user: User }
  /** The browser that asked is another one: signed in is nobody, and the code is typed there. */
  | { outcome: 'elsewhere'; code: string };

export class MagicLinks {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly mailboxes: Mailboxes,
    private readonly proof: MailboxProof,
    private readonly codes: EmailCodes,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly tries: Pick<MailedCodeTries, 'reopen'>,
  ) {}

  /** The older link of this sign-in dies. The same for an address without an account. @throws AppError 429 */
  async send(identifier: string, flow: string): Promise<void> {
    const { user, subject, email, to } = await this.mailboxes.throttle(identifier);
    const issuer = this.tenants.issuerOf(await this.tenants.current());
    await this.db.transaction(async () => {
      const token = await this.oneTimeTokens.issue('magic_link', subjectOf(subject, flow), { flow, data: { email } });
      await this.audit.record('mailbox.letter_requested', { user_id: user?.id ?? null, purpose: 'magic_link' });
      const letter = { link: `${issuer}/sign-in-link?token=${token}`, minutes: TTL_SECONDS.magic_link / 60 };
      await this.mail.send('magic_link', to, letter, user?.claims.locale);
    });
  }

  /** Whose link it is, and whether this browser asked for it. Uses nothing up: mail scanners open links too. */
  async peek(
    token: string,
    flow: string | undefined,
  ): Promise<{ user: User; flow: string; here: boolean } | undefined> {
    const found = await this.oneTimeTokens.peek('magic_link', token);
    const user = found && (await this.mailboxes.holder(found));
    return user && { user, flow: found.flow, here: found.flow === flow };
  }

  /** Uses the link up. @param flow the interaction of this browser, where it has one. @throws AppError 400 where the link is not good. */
  async open(token: string, flow: string | undefined): Promise<Opened> {
    return this.db.transaction(async () => {
      const found = await this.oneTimeTokens.peek('magic_link', token);
      const used = found && (await this.oneTimeTokens.consume('magic_link', token, { flow: found.flow }));
      const user = used && (await this.mailboxes.holder(used));
      if (!user) throw invalidLink();
      if (used.flow === flow) {
        await this.tries.reopen(user);
        return { outcome: 'here', user: (await this.proof.proved(user, { flow })).user };
      }
      return {
        outcome: 'elsewhere',
        code: await this.codes.issue(await this.mailboxes.addressee(user.email), used.flow),
      };
    });
  }
}
