// What an administrator does for somebody who cannot come in: the password and the second factor together, and a letter about it.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { MailService } from '../mail/mail.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import type { LockoutState } from './lockout.js';
import type { PasswordService } from './password.service.js';
import type { SecondFactors } from './second-factors.js';

export class AccountLocks {
  constructor(
    private readonly db: Database,
    private readonly users: UserService,
    private readonly passwords: PasswordService,
    private readonly secondFactors: SecondFactors,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
  ) {}

  async failures(user: User): Promise<{ password: LockoutState; second_factor: LockoutState }> {
    return {
      password: await this.passwords.failures(user.email),
      second_factor: await this.secondFactors.failures(user),
    };
  }

  /** Failures are forgotten; a letter goes out where something was locked. The end of a lock by waiting is told in the letter about it. */
  async unlock(user: User): Promise<void> {
    this.users.assertMayChange(user);
    await this.db.transaction(async () => {
      const { password, second_factor } = await this.failures(user);
      const forgot = [await this.passwords.unlock(user), await this.secondFactors.unlock(user)];
      const wasLocked = password.locked_until !== null || second_factor.locked_until !== null;
      if (wasLocked && forgot.includes(true)) await this.tell(user, 'account_unlocked');
    });
  }

  /** For whoever has lost them. Sessions and remembered browsers end; where the tenant requires a factor, the next sign-in sets one up. */
  async removeSecondFactors(user: User): Promise<void> {
    this.users.assertMayChange(user);
    await this.db.transaction(async () => {
      if (await this.secondFactors.removeAll(user)) await this.tell(user, 'second_factors_removed');
    });
  }

  private async tell(user: User, template: 'account_unlocked' | 'second_factors_removed'): Promise<void> {
    if (user.active)
      await this.mail.send(template, user.email, { at: this.clock.now().toISOString() }, user.claims.locale);
  }
}
