// Owns passwords: whether one is right, how often one may guess, and how a new one is set.
// Hands off to: hashing in other processes, users for who it is, and the hook passwordChanged for what ends with an old password.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { randomToken } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { invalid } from '../../platform/errors.js';
import { readImported } from '../../platform/hash-formats/formats.js';
import type { Strength } from '../../platform/strength.js';
import type { SignInFailure } from '../audit/audit.events.js';
import type { AuditLog } from '../audit/audit.service.js';
import { ENDED_WITH_PASSWORD } from '../one-time-tokens/one-time-purposes.js';
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { passwordSubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { ImportedPasswords } from './imported-passwords.js';
import type { Lockout, LockoutState, Reservation } from './lockout.js';
import { type LockNotice, LockoutHistory } from './lockout-history.js';
import { lockoutRules } from './lockout-rules.js';
import { PasswordCredential } from './password-credential.entity.js';
import {
  contextWords,
  MAX_LENGTH,
  type PasswordContext,
  type PasswordProblem,
  passwordProblem,
} from './password-policy.js';

/** Hashing in child processes (platform/hashing.ts). */
export interface PasswordHasher {
  hash(password: string): Promise<string>;
  verify(hash: string, password: string): Promise<boolean>;
  needsRehash(hash: string): boolean;
  strength(password: string, words: readonly string[]): Promise<Strength>;
  /** @throws AppError 503 where the queue is full. */
  assertRoom(): void;
}

export type PasswordOutcome =
  | { outcome: 'ok'; user: User; mustChange: boolean; changedAt: Date; failures: number }
  | { outcome: 'failed' }
  | { outcome: 'locked'; until: Date };

export interface PasswordAdvice {
  strength: Strength;
  /** Why it would be refused. */
  problem?: PasswordProblem;
}

export interface PasswordHooks {
  /** Whether somebody made this account who has not proved its address since; asked of the id that nobody has as well. */
  isUnproved?(userId: string): Promise<boolean>;
  /** In the transaction of the change: sessions and refresh tokens end, but those of the one in which the person changed it. */
  passwordChanged(user: User, keptSession?: string): Promise<void>;
  /** In the transaction of the lock, whether or not there is such a user: the same statements for both. */
  locked(lock: LockNotice): Promise<void>;
}

const noHooks: PasswordHooks = { passwordChanged: async () => {}, locked: async () => {} };

export class PasswordService {
  readonly imported: ImportedPasswords;
  private dummy: Promise<string> | undefined;
  private readonly history: LockoutHistory;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly lockout: Lockout,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly hasher: PasswordHasher,
    private readonly clock: Clock,
    private readonly hooks: PasswordHooks = noHooks,
  ) {
    this.imported = new ImportedPasswords(db, audit, tenants, users, clock);
    this.history = new LockoutHistory(db, audit, clock);
  }

  /**
   * Nobody learns from answer or time whether an identifier exists: known, unknown, without a password and disabled cost one hash each (and what
   * ImportedPasswords.standIn says), and are counted and locked alike. Not inside a transaction: the count must stay where the caller rolls back.
   * An account whose address has to be proved first answers as if it were not there: or whoever registers and tries would learn which addresses
   * had one. @param evenUnproved for the proof itself.
   * @throws AppError 503 where there is no room to hash; the attempt does not count then.
   */
  async verify(identifier: string, password: string, { evenUnproved = false } = {}): Promise<PasswordOutcome> {
    if (this.db.inTransaction) throw new Error('a password is verified outside a transaction');
    this.hasher.assertRoom();
    const tenant = await this.tenants.current();
    const subject = await this.subjectOf(identifier);
    const user = await this.users.findByEmail(identifier);
    const policy = tenant.settings.lockout;
    const privileged = (user?.roles.length ?? 0) > 0;
    const attempt = await this.lockout.reserve(subject, 'password', lockoutRules(policy, 'password', privileged));
    const credential = await this.credentialOf(user?.id ?? NOBODY);
    const standIn = await this.imported.standIn(subject);
    const made = (await this.hooks.isUnproved?.(user?.id ?? NOBODY)) ?? false;
    // An administrator may have said that the address is proved.
    const unproved = made && !user?.emailVerified && !evenUnproved;
    const waits = unproved && tenant.settings.authentication.email_verification === 'required';
    if ('lockedUntil' in attempt) {
      await this.recordFailure(subject, user, 'locked');
      // Nobody learns from an early lock that the account is worth more: up to where others are locked it answers as theirs do.
      const hidden = privileged && (await this.lockout.triesWhileLocked(subject, 'password')) <= policy.max_attempts;
      if (hidden) {
        await this.compare(undefined, standIn, password, async () => {});
        return { outcome: 'failed' };
      }
      return { outcome: 'locked', until: attempt.lockedUntil };
    }

    const right = await this.compare(credential?.hash, standIn, password, () =>
      this.lockout.release(subject, 'password', attempt),
    );
    const reason = refusal(user, credential, right) ?? (waits ? 'unproved' : undefined);
    if (reason || !user || !credential) return this.failed(subject, user, reason ?? 'unknown_user', attempt);

    const failures = await this.lockout.passed(subject, 'password');
    await this.rehash(credential, password);
    return { outcome: 'ok', user, mustChange: credential.mustChange, changedAt: credential.changedAt, failures };
  }

  /** @throws AppError 503 where no more passwords can be hashed now: asked before any other work is done for a sign-in. */
  assertRoom(): void {
    this.hasher.assertRoom();
  }

  /** @throws AppError 422 that says why the password cannot be chosen. */
  async check(password: string, person: { email: string }): Promise<void> {
    const problem = passwordProblem(password, await this.contextOf(person));
    if (problem) throw invalid('This password cannot be used', [{ pointer: '/password', message: problem }]);
  }

  /** Advice for whoever chooses; what is refused anyway is weak. @throws AppError 503 where there is no room. */
  async strength(password: string, person: { email: string }): Promise<PasswordAdvice> {
    const context = await this.contextOf(person);
    const problem = passwordProblem(password, context);
    if (problem) return { strength: 'weak', problem };
    return { strength: await this.hasher.strength(password, contextWords(context)) };
  }

  /** Characters that a password has at least in this tenant. */
  async minLength(): Promise<number> {
    return (await this.tenants.current()).settings.authentication.password_min_length;
  }

  /** Ends what rested on the old password, links to set another one included. */
  async set(user: User, password: string, options: { mustChange?: boolean } = {}): Promise<void> {
    await (await this.prepare(user, password, options))();
  }

  /**
   * Checks and hashes, which takes a while and belongs before a transaction.
   * @returns what writes it, to be called in the transaction that also uses up a link.
   */
  async prepare(
    user: User,
    password: string,
    { mustChange = false, keptSession }: { mustChange?: boolean; keptSession?: string | undefined } = {},
  ): Promise<() => Promise<void>> {
    await this.check(password, user);
    const hash = await this.hasher.hash(password);
    const subject = await this.subjectOf(user.email);
    return () =>
      this.db.transaction(async () => {
        const credential = { userId: user.id, hash, mustChange, changedAt: this.clock.now() };
        await this.db.repo(PasswordCredential).save(Object.assign(new PasswordCredential(), credential));
        await this.oneTimeTokens.revokeAll(ENDED_WITH_PASSWORD, user.id);
        await this.history.ended(subject, 'password', 'owner');
        await this.lockout.clear(subject, 'password');
        await this.audit.record('password.set', { user_id: user.id, must_change: mustChange });
        await this.hooks.passwordChanged(user, keptSession);
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
      if ((await this.db.repo(PasswordCredential).delete({ userId: user.id })) > 0)
        await this.audit.record('password.removed', { user_id: user.id });
      await this.oneTimeTokens.revokeAll(ENDED_WITH_PASSWORD, user.id);
      await this.hooks.passwordChanged(user);
    });
  }

  /**
   * The person chooses their own in place of the one that somebody else has set, and that they have proved.
   * @param changedAt when the proved one was set. Where that is not the one they have any more, nothing is said about the one they have.
   * @throws AppError 422 as check does, 503 where there is no room to hash.
   */
  async replace(user: User, password: string, changedAt: Date): Promise<'done' | 'same' | 'outdated'> {
    const proved = (credential: PasswordCredential | null | undefined) =>
      credential?.mustChange === true && credential.changedAt.getTime() === changedAt.getTime();
    const credential = await this.credentialOf(user.id);
    if (!credential || !proved(credential)) return 'outdated';
    await this.check(password, user);
    // Whoever set it knows it.
    if (await this.hasher.verify(credential.hash, password)) return 'same';
    const write = await this.prepare(user, password);
    return this.db.transaction(async () => {
      if (!proved(await this.held(user))) return 'outdated';
      await write();
      return 'done';
    });
  }

  /** In the transaction that sets another one: whether it is still the one that was proved. Whoever comes at the same time waits. */
  async isStill(user: User, changedAt: Date): Promise<boolean> {
    return (await this.held(user))?.changedAt.getTime() === changedAt.getTime();
  }

  async has(user: User): Promise<boolean> {
    return (await this.credentialOf(user.id)) !== undefined;
  }

  /** The sign-in is done, or what was missed on the way to it is accounted for elsewhere. */
  async settle(user: User): Promise<void> {
    await this.lockout.settle(await this.subjectOf(user.email), 'password');
  }

  async lockedUntil(user: User): Promise<Date | undefined> {
    return this.lockout.lockedUntil(await this.subjectOf(user.email), 'password');
  }

  /** An administrator's word. @returns whether there was anything to forget. */
  async unlock(user: User): Promise<boolean> {
    this.users.assertMayChange(user);
    const subject = await this.subjectOf(user.email);
    return this.db.transaction(async () => {
      await this.history.ended(subject, 'password', 'administrator');
      if (!(await this.lockout.clear(subject, 'password'))) return false;
      await this.audit.record('account.unlocked', { subject_hash: subject, user_id: user.id, factor: 'password' });
      return true;
    });
  }

  async failures(identifier: string): Promise<LockoutState> {
    return this.lockout.state(await this.subjectOf(identifier), 'password');
  }

  private failed(
    subject: string,
    user: User | undefined,
    reason: SignInFailure,
    { locks }: Reservation,
  ): Promise<PasswordOutcome> {
    return this.db.transaction(async () => {
      await this.recordFailure(subject, user, reason);
      if (locks) {
        const lock = { subject, factor: 'password', userId: user?.id ?? null, cause: reason } as const;
        await this.hooks.locked(await this.history.begun(lock, locks));
      }
      return { outcome: 'failed' };
    });
  }

  private recordFailure(subject: string, user: User | undefined, reason: SignInFailure): Promise<void> {
    const event = { subject_hash: subject, user_id: user?.id ?? null, factor: 'password', reason };
    return this.audit.record('sign_in.failed', event);
  }

  /**
   * Every comparison costs one hash with today's parameters, against one that nobody has where there is none of ours; one made elsewhere,
   * of the account or in its place, comes on top.
   */
  private async compare(
    hash: string | undefined,
    standIn: string | undefined,
    password: string,
    onNoAnswer: () => Promise<void>,
  ): Promise<boolean> {
    try {
      const dummy = await this.dummyHash();
      // What nobody could have set is not hashed at length, but as slowly as the rest.
      const tooLong = [...password].length > MAX_LENGTH;
      const guess = tooLong ? '' : password;
      const imported = hash !== undefined && readImported(hash) ? hash : undefined;
      const ours = imported ? undefined : hash;
      const rightOfOurs = await this.hasher.verify(ours ?? dummy, guess);
      const other = imported ?? (hash === undefined ? standIn : undefined);
      const rightOfOther = other !== undefined && (await this.hasher.verify(other, guess));
      return !tooLong && (imported ? rightOfOther : rightOfOurs && ours !== undefined);
    } catch (error) {
      await onNoAnswer();
      throw error;
    }
  }

  private dummyHash(): Promise<string> {
    this.dummy ??= this.hasher.hash(randomToken()).catch((error: unknown) => {
      this.dummy = undefined;
      throw error;
    });
    return this.dummy;
  }

  /** Only where the hash is still the one that was compared: a password set meanwhile stays. */
  private async rehash({ userId, hash }: PasswordCredential, password: string): Promise<void> {
    if (!this.hasher.needsRehash(hash)) return;
    // Without room now, the next sign-in will do it.
    const renewed = await this.hasher.hash(password).catch(() => undefined);
    if (!renewed) return;
    await this.db.transaction(async () => {
      if ((await this.db.repo(PasswordCredential).update({ userId, hash }, { hash: renewed })) === 0) return;
      await this.audit.record('password.rehashed', { user_id: userId, format: readImported(hash)?.format ?? 'argon2' });
    });
  }

  private async contextOf({ email }: { email: string }): Promise<PasswordContext> {
    const { name, settings } = await this.tenants.current();
    const names = [name, settings.branding.company_name ?? ''];
    return { email, names, minLength: settings.authentication.password_min_length };
  }

  private held({ id: userId }: User): Promise<PasswordCredential | null> {
    const rows = this.db.repo(PasswordCredential).query('c').andWhere('c.user_id = :userId', { userId });
    return rows.setLock('pessimistic_write').getOne();
  }

  private async credentialOf(userId: string): Promise<PasswordCredential | undefined> {
    return (await this.db.repo(PasswordCredential).findOneBy({ userId })) ?? undefined;
  }

  private async subjectOf(identifier: string): Promise<string> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    return passwordSubject(identifierKey, identifier);
  }
}

const SET_FIRST = {
  name: 'password_set_first',
  text: `
    INSERT INTO password_credentials (tenant_id, user_id, hash, changed_at)
    SELECT tenant_id, id, $3, $4 FROM users WHERE tenant_id = $1 AND id = $2`,
};

/** No user has it: a look-up that costs what a real one does. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

function refusal(
  user: User | undefined,
  credential: PasswordCredential | undefined,
  right: boolean,
): SignInFailure | undefined {
  if (!user) return 'unknown_user';
  if (!credential) return 'no_password';
  if (!right) return 'wrong_password';
  return user.active ? undefined : 'disabled';
}
