// Owns passwords: how a new one is set, and what ends with the old one. What else is asked of passwords is answered behind it: whether one is
// right (PasswordVerifier), whether one may be chosen (PasswordRules), what was hashed elsewhere (ImportedPasswords).
// Hands off to: hashing in other processes, and the hook passwordChanged for what ends with an old password.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { ENDED_WITH_PASSWORD } from '../one-time-tokens/one-time-purposes.js';
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { User } from '../users/user.entity.js';
import { holdPerson } from '../users/user-rows.js';
import type { LockoutState } from './lockout.js';
import { PasswordCredential } from './password-credential.entity.js';
import type { PasswordHasher } from './password-hasher.js';
import type { PasswordAdvice, PasswordRules } from './password-rules.js';
import type { PasswordOutcome, PasswordVerifier } from './password-verifier.js';

export interface PasswordHooks {
  /** In the transaction of the change: sessions and refresh tokens end, but those of the one in which the person changed it. */
  passwordChanged(user: User, keptSession?: string): Promise<void>;
}

export class PasswordService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly verifier: PasswordVerifier,
    private readonly rules: PasswordRules,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly hasher: PasswordHasher,
    private readonly clock: Clock,
    private readonly hooks: PasswordHooks,
  ) {}

  /** As PasswordVerifier says. @throws AppError 503 where there is no room to hash. */
  verify(identifier: string, password: string, options: { evenUnproved?: boolean } = {}): Promise<PasswordOutcome> {
    return this.verifier.verify(identifier, password, options);
  }

  /** As everybody's are counted: what a page may go by. */
  failures(identifier: string): Promise<LockoutState> {
    return this.verifier.failures(identifier);
  }

  /** As they are, for whoever administers the account. */
  failuresOf(user: User): Promise<LockoutState> {
    return this.verifier.failuresOf(user);
  }

  /** The sign-in is done, or what was missed on the way to it is accounted for elsewhere. */
  settle(user: User): Promise<void> {
    return this.verifier.settle(user);
  }

  /** An administrator's word. @returns whether there was anything to forget. */
  unlock(user: User): Promise<boolean> {
    return this.verifier.unlock(user);
  }

  /** @throws AppError 422 that says why the password cannot be chosen. */
  check(password: string, person: { email: string; id?: string }): Promise<void> {
    return this.rules.check(password, person);
  }

  /** Advice for whoever chooses. @throws AppError 503 where there is no room. */
  strength(password: string, person: { email: string; id?: string }): Promise<PasswordAdvice> {
    return this.rules.strength(password, person);
  }

  /** Characters that a password has at least: in this tenant, or for somebody who is known. */
  minLength(user?: Pick<User, 'id'>): Promise<number> {
    return this.rules.minLength(user?.id);
  }

  /** Ends what rested on the old password, links to set another one included. */
  async set(user: User, password: string, options: { mustChange?: boolean } = {}): Promise<void> {
    await (await this.prepare(user, password, options))();
  }

  /**
   * Checks and hashes, which takes a while and belongs before a transaction.
   * @returns what writes it, to be called in the transaction that also uses up a link, and says when it was set.
   */
  async prepare(
    user: User,
    password: string,
    { mustChange = false, keptSession }: { mustChange?: boolean; keptSession?: string | undefined } = {},
  ): Promise<() => Promise<Date>> {
    await this.check(password, user);
    const hash = await this.hasher.hash(password);
    return () =>
      this.db.transaction(async () => {
        await holdPerson(this.db, user.id);
        const changedAt = this.clock.now();
        const credential = { userId: user.id, hash, mustChange, changedAt };
        await this.db.repo(PasswordCredential).save(Object.assign(new PasswordCredential(), credential));
        await this.oneTimeTokens.revokeAll(ENDED_WITH_PASSWORD, user.id);
        await this.verifier.reset(user);
        await this.audit.record('password.set', { user_id: user.id, must_change: mustChange });
        await this.hooks.passwordChanged(user, keptSession);
        return changedAt;
      });
  }

  /**
   * As prepare, for an account that is made in the same transaction. Where it was not, the statements are the same and change nothing:
   * whether an address had an account already is not told by them.
   */
  async prepareFirst(email: string, password: string): Promise<(userId: string) => Promise<void>> {
    await this.check(password, { email });
    const hash = await this.hasher.hash(password);
    return async (userId) => {
      await this.db.execute(SET_FIRST, [currentTenantId(), userId, hash, this.clock.now()]);
    };
  }

  /** Nobody comes in with it any more. What would end with it ends, links to set another one included, also where there was none. */
  remove(user: User): Promise<void> {
    return this.db.transaction(async () => {
      await holdPerson(this.db, user.id);
      if ((await this.db.repo(PasswordCredential).delete({ userId: user.id })) > 0)
        await this.audit.record('password.removed', { user_id: user.id });
      await this.oneTimeTokens.revokeAll(ENDED_WITH_PASSWORD, user.id);
      await this.hooks.passwordChanged(user);
    });
  }

  /**
   * The person chooses their own in place of the one that somebody else has set, and that they have proved.
   * @param changedAt when the proved one was set. Where that is not the one they have any more, nothing is said about the one they have.
   * @param stands in the transaction that sets it: whether what was proved still holds.
   * @throws AppError 422 as check does, 503 where there is no room to hash.
   */
  async replace(
    user: User,
    password: string,
    changedAt: Date,
    { stands, keptSession }: { stands: () => Promise<boolean>; keptSession?: string | undefined },
  ): Promise<{ changedAt: Date } | 'same' | 'outdated'> {
    const proved = (credential: PasswordCredential | null | undefined) =>
      credential?.mustChange === true && credential.changedAt.getTime() === changedAt.getTime();
    const credential = await this.credentialOf(user.id);
    if (!credential || !proved(credential)) return 'outdated';
    await this.check(password, user);
    // Whoever set it knows it.
    if (await this.hasher.verify(credential.hash, password)) return 'same';
    const write = await this.prepare(user, password, { keptSession });
    return this.db.transaction(async () => {
      if (!proved(await this.held(user)) || !(await stands())) return 'outdated';
      return { changedAt: await write() };
    });
  }

  /** In the transaction that sets another one: whether it is still the one that was proved. Whoever comes at the same time waits. */
  async isStill(user: User, changedAt: Date): Promise<boolean> {
    return (await this.held(user))?.changedAt.getTime() === changedAt.getTime();
  }

  /** Whether the account's password is the one that was set then. */
  async isSetAt(userId: string, changedAt: Date): Promise<boolean> {
    return (await this.credentialOf(userId))?.changedAt.getTime() === changedAt.getTime();
  }

  /** One that was set before a time is changed at the next sign-in. @returns whether there is such a one. */
  demandChange(userId: string, before: Date): Promise<boolean> {
    return this.db.transaction(async () => {
      const credential = await this.credentialOf(userId);
      if (!credential || credential.changedAt >= before) return false;
      if (!credential.mustChange) {
        await this.db.repo(PasswordCredential).update({ userId }, { mustChange: true });
        await this.audit.record('password.change_demanded', { user_id: userId });
      }
      return true;
    });
  }

  async has(user: User): Promise<boolean> {
    return (await this.credentialOf(user.id)) !== undefined;
  }

  private async held({ id: userId }: User): Promise<PasswordCredential | null> {
    await holdPerson(this.db, userId);
    const rows = this.db.repo(PasswordCredential).query('c').andWhere('c.user_id = :userId', { userId });
    return rows.setLock('pessimistic_write').getOne();
  }

  private async credentialOf(userId: string): Promise<PasswordCredential | undefined> {
    return (await this.db.repo(PasswordCredential).findOneBy({ userId })) ?? undefined;
  }
}

const SET_FIRST = {
  name: 'password_set_first',
  text: `
    INSERT INTO password_credentials (tenant_id, user_id, hash, changed_at)
    SELECT tenant_id, id, $3, $4 FROM users WHERE tenant_id = $1 AND id = $2`,
};
