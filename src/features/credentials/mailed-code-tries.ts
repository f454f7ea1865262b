// Owns how often a code by mail may be guessed as a first factor: counted for the address, whether or not it has an account, and apart from its
// password, so that whoever knows nothing but the address closes nothing but this way.
// Hands off to: Attempts.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { passwordSubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import type { Attempts, CodeOutcome, Target, Tried } from './attempts.js';
import type { LockoutState } from './lockout.js';
import { lockoutRules } from './lockout-rules.js';

export class MailedCodeTries {
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly attempts: Attempts,
    private readonly clock: Clock,
  ) {}

  /** One try. Whoever has a role is given as many as everybody: nobody learns from a lock that there is somebody. Not inside a transaction. */
  async counted(email: string, user: User | undefined, look: () => Promise<Tried>): Promise<CodeOutcome> {
    const { lockout } = (await this.tenants.current()).settings;
    return this.attempts.counted(await this.targetOf(email, user), lockoutRules(lockout, 'email_code'), look);
  }

  /** While it is, a letter brings a link, which cannot be guessed: the owner of the mailbox is never kept out. */
  async isPaused(email: string): Promise<boolean> {
    const { locked_until } = await this.attempts.state(await this.targetOf(email, undefined));
    return locked_until !== null && locked_until > this.clock.now();
  }

  async failures({ email }: User): Promise<LockoutState> {
    return this.attempts.state(await this.targetOf(email, undefined));
  }

  /** A link from the mailbox was used; in its transaction, where there is one. */
  async reopen(user: User): Promise<void> {
    const target = await this.targetOf(user.email, user);
    await this.db.transaction(() => this.attempts.endedByOwner(target));
  }

  /** An administrator's word. @returns whether there was anything to forget. */
  async unlock(user: User): Promise<boolean> {
    return this.attempts.unlock(await this.targetOf(user.email, user));
  }

  private async targetOf(email: string, user: User | undefined): Promise<Target> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    return { subject: passwordSubject(identifierKey, email), factor: 'email_code', userId: user?.id ?? null };
  }
}
