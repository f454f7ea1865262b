// Owns the first factor by six digits in a mail: good for ten minutes, for the sign-in that asked, for five tries, once.
// Hands off to: one-time tokens (the tries of one code), MailedCodeTries (those of all codes of an address), mail, MailboxProof.
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Tried } from '../credentials/attempts.js';
import type { MailedCodeTries } from '../credentials/mailed-code-tries.js';
import type { MailService } from '../mail/mail.service.js';
import { subjectOf, TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import { passwordSubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import type { MailboxProof } from './mailbox-proof.js';
import type { Addressee, Mailboxes } from './mailboxes.js';

export type CodeOutcome =
  | { outcome: 'ok'; user: User }
  | { outcome: 'wrong' }
  /** Used up, too old, or never asked for: another one is needed. */
  | { outcome: 'gone' };

export type SignInOutcome = CodeOutcome | { outcome: 'locked'; seconds: number };

/** For whoever counts it. */
export const asTried = ({ outcome }: CodeOutcome): Tried => (outcome === 'ok' ? 'right' : outcome);

export class EmailCodes {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly mailboxes: Mailboxes,
    private readonly proof: MailboxProof,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly tries: MailedCodeTries,
  ) {}

  /** Wrong codes were typed for this address, with or without an account: no code is looked at, and a link has to do. */
  isPaused(identifier: string): Promise<boolean> {
    return this.tries.isPaused(identifier);
  }

  /** The older code of this flow dies. The same for an address without an account. @throws AppError 429 */
  async send(identifier: string, flow: string): Promise<void> {
    await this.mailboxes.throttle(identifier);
    await this.write(await this.mailboxes.addressee(identifier), flow);
  }

  /** To whoever has proved something of this account first: strangers use nothing of that up. @throws AppError 429 */
  async sendTo(user: User, flow: string): Promise<void> {
    await this.mailboxes.throttleKnown(user);
    await this.write(await this.mailboxes.addressee(user.email), flow);
  }

  private async write(addressee: Addressee, flow: string): Promise<void> {
    const { subject, key, email, user, to } = addressee;
    await this.db.transaction(async () => {
      const code = await this.oneTimeTokens.issueCode('email_code', subjectOf(subject, flow), key, {
        flow,
        data: { email },
      });
      await this.audit.record('mailbox.letter_requested', { user_id: user?.id ?? null, purpose: 'email_code' });
      await this.mail.send('sign_in_code', to, { code, minutes: TTL_SECONDS.email_code / 60 }, user?.claims.locale);
    });
  }

  /** @returns the code: shown now, to whoever proved the mailbox by a link. */
  issue({ subject, key, email }: Addressee, flow: string): Promise<string> {
    const data = { email, shown: true };
    return this.oneTimeTokens.issueCode('email_code', subjectOf(subject, flow), key, { flow, data });
  }

  /** The first factor: as verify, and counted for the address. Not inside a transaction. */
  async signIn(identifier: string, flow: string, code: string): Promise<SignInOutcome> {
    const { subject, key, user: known } = await this.mailboxes.addressee(identifier);
    const waiting = await this.oneTimeTokens.waiting('email_code', subjectOf(subject, flow), { flow });
    // Nobody makes many codes that a link has shown but the owner of the mailbox, and nobody else's wrong ones keep them from it. Where none
    // waits, there is nothing to guess.
    if (!waiting || waiting.shown) {
      const tried = waiting ? await this.verify(identifier, flow, code) : { outcome: 'gone' as const };
      if (tried.outcome !== 'ok') await this.failed(passwordSubject(key, identifier), known, tried.outcome);
      // Who typed what the link had shown reads the mailbox, as who opens it where the sign-in was begun: codes are good again.
      else await this.tries.reopen(tried.user);
      return tried;
    }
    let proved: User | undefined;
    const counted = await this.tries.counted(identifier, known, async () => {
      const tried = await this.verify(identifier, flow, code);
      if (tried.outcome === 'ok') proved = tried.user;
      return asTried(tried);
    });
    if (counted.outcome === 'locked' || counted.outcome === 'gone') return counted;
    return proved ? { outcome: 'ok', user: proved } : { outcome: 'wrong' };
  }

  /**
   * One try, which whoever asks has to count. Not inside a transaction: it must stay where the caller rolls back.
   * @param by that whoever types it has proved the password of the account as well, where they have.
   */
  async verify(
    identifier: string,
    flow: string,
    code: string,
    by: { flow: string } | 'registrant' = { flow },
  ): Promise<CodeOutcome> {
    if (this.db.inTransaction) throw new Error('a code is verified outside a transaction');
    const { subject, key } = await this.mailboxes.addressee(identifier);
    const typed = code.normalize('NFKC').replaceAll(/\s/g, '').slice(0, 32);
    const tried = await this.oneTimeTokens.tryCode('email_code', subjectOf(subject, flow), key, typed, { flow });
    if (tried.outcome !== 'ok') return tried;
    const user = await this.mailboxes.holder(tried.redeemed);
    if (!user) return { outcome: 'wrong' };
    return { outcome: 'ok', user: (await this.proof.proved(user, by)).user };
  }

  private failed(subject_hash: string, user: User | undefined, outcome: 'wrong' | 'gone'): Promise<void> {
    const reason = outcome === 'wrong' ? 'wrong_code' : 'used_up';
    return this.audit.record('sign_in.failed', {
      subject_hash,
      user_id: user?.id ?? null,
      factor: 'email_code',
      reason,
    });
  }
}
