// "This was not me": the link in a letter by which the owner of an account closes it to everybody, themselves included, until they choose
// another password. Hands off to: passwords, with which sessions, grants and remembered browsers end.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { badRequest } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { PasswordService } from '../credentials/password.service.js';
import type { PasswordLinks } from '../credentials/password-links.js';
import type { SecondFactors } from '../credentials/second-factors.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';

export const LOCKDOWN_MINUTES = TTL_SECONDS.lockdown / 60;

export class Lockdown {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly users: UserService,
    private readonly passwords: PasswordService,
    private readonly factors: Pick<SecondFactors, 'removeAddedSince'>,
    private readonly passwordLinks: PasswordLinks,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly clock: Clock,
  ) {}

  /** Looking uses nothing up: mail scanners open links too. */
  async peek(token: string): Promise<User | undefined> {
    const found = await this.oneTimeTokens.peek('lockdown', token);
    return found && this.holder(found);
  }

  /** @throws AppError 400 where the link is not good. */
  async redeem(token: string): Promise<void> {
    await this.db.transaction(async () => {
      const used = await this.oneTimeTokens.consume('lockdown', token);
      const user = used && (await this.holder(used));
      if (!user) throw badRequest('invalid_link', 'The link is not good any more');
      await this.passwords.remove(user);
      // A passkey opens the account by itself. Older factors stay: the letter must not be a way to take them away.
      await this.factors.removeAddedSince(user, new Date(this.clock.now().getTime() - TTL_SECONDS.lockdown * 1000));
      await this.audit.record('account.locked_down', { user_id: user.id });
      await this.passwordLinks.send(user);
    });
  }

  /** A letter to an address that is no longer theirs closes nothing. */
  private async holder({ subject, data }: { subject: string; data: { email: string } }): Promise<User | undefined> {
    const user = await this.users.findActive(subject);
    return user?.emailNormalized === data.email ? user : undefined;
  }
}
