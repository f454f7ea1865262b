// What an administrator does for somebody who cannot come in: all that is counted together, and a letter about it.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { MailService } from '../mail/mail.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { holdPerson } from '../users/user-rows.js';
import type { LockoutState } from './lockout.js';
import type { MailedCodeTries } from './mailed-code-tries.js';
import type { PasswordService } from './password.service.js';
import type { SecondFactors } from './second-factors.js';

/** What has a count of its own. */
export const COUNTED = ['password', 'email_code', 'second_factor'] as const;

export class AccountLocks {
  constructor(
    private readonly db: Database,
    private readonly users: UserService,
    private readonly passwords: PasswordService,
    private readonly secondFactors: SecondFactors,
    private readonly mailedCodes: MailedCodeTries,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
  ) {}

  async failures(user: User): Promise<Record<(typeof COUNTED)[number], LockoutState>> {
    return {
      password: await this.passwords.failuresOf(user),
      email_code: await this.mailedCodes.failures(user),
      second_factor: await this.secondFactors.failures(user),
    };
  }

  /** Failures are forgotten; a letter goes out where something was locked. The end of a lock by waiting is told in the letter about it. */
  async unlock(user: User): Promise<void> {
    this.users.assertMayChange(user);
    await this.db.transaction(async () => {
      await holdPerson(this.db, user.id);
      const failures = await this.failures(user);
      const forgot = [
        await this.passwords.unlock(user),
        await this.mailedCodes.unlock(user),
        await this.secondFactors.unlock(user),
      ];
      const wasLocked = COUNTED.some((factor) => failures[factor].locked_until !== null);
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
