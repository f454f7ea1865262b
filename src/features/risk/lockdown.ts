// "This was not me": the link in a letter by which the owner of an account closes it to everybody, themselves included, until they choose
// another password. Hands off to: passwords, with which sessions and remembered browsers end, and the hook `closing`.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { PasswordService } from '../credentials/password.service.js';
import type { PasswordLinks } from '../credentials/password-links.js';
import type { SecondFactors } from '../credentials/second-factors.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';

export interface LockdownHooks {
  /** In the transaction, before anything else ends. @param since whoever else was in the account came later than that. */
  closing(user: User, since: Date): Promise<void>;
  /** Where factors go: identity providers that speak for them only since then open the account by themselves, too. */
  unlinking(user: User, since: Date): Promise<void>;
}

/** What becomes of second factors: those of the last days go; they are the first ones and stay; all stay; there are none. */
export type FactorsThen = 'removed' | 'first' | 'kept' | 'none';

export class Lockdown {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly users: UserService,
    private readonly passwords: PasswordService,
    private readonly factors: Pick<SecondFactors, 'of' | 'hadBefore' | 'removeAddedSince'>,
    private readonly passwordLinks: PasswordLinks,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly clock: Clock,
    private readonly hooks: LockdownHooks,
  ) {}

  /** Whose account it would close, and what would become of second factors. Looking uses nothing up: mail scanners open links too. */
  async peek(token: string): Promise<{ user: User; factors: FactorsThen } | undefined> {
    const found = await this.oneTimeTokens.peek('lockdown', token);
    const user = found && (await this.users.holderOf(found));
    return user && { user, factors: await this.factorsThen(user, found.data.keeps_factors) };
  }

  /** @throws AppError 400 where the link is not good. */
  async redeem(token: string): Promise<void> {
    await this.db.transaction(async () => {
      const used = await this.oneTimeTokens.consume('lockdown', token);
      const user = used && (await this.users.holderOf(used));
      if (!user) throw invalidLink();
      await this.hooks.closing(user, this.since());
      await this.passwords.remove(user);
      // What a session begins that anybody may hold leaves factors alone, and the links in letters too: their owner needs them.
      if (!used.data.keeps_factors) {
        // A passkey opens the account by itself. Older factors stay: the letter must not be a way to take them away.
        await this.factors.removeAddedSince(user, this.since());
        await this.hooks.unlinking(user, this.since());
        await this.oneTimeTokens.revoke('lockdown', user.id);
      }
      await this.audit.record('account.locked_down', { user_id: user.id });
      await this.passwordLinks.send(user);
    });
  }

  private async factorsThen(user: User, keeps: true | undefined): Promise<FactorsThen> {
    const { totp, passkeys } = await this.factors.of(user.id);
    if (!totp && passkeys.length === 0) return 'none';
    if (keeps) return 'kept';
    return (await this.factors.hadBefore(user, this.since())) ? 'removed' : 'first';
  }

  private since(): Date {
    return new Date(this.clock.now().getTime() - TTL_SECONDS.lockdown * 1000);
  }
}
