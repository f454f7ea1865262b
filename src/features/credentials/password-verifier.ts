// Owns whether a password is right, and how often one may guess.
// Hands off to: Attempts for the count, hashing in other processes, users for who it is.
import { randomToken } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { readImported } from '../../platform/hash-formats/formats.js';
import type { SignInFailure } from '../audit/audit.events.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { passwordSubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import type { Attempts, Target } from './attempts.js';
import type { ImportedPasswords } from './imported-passwords.js';
import type { LockoutState, Reservation } from './lockout.js';
import { lockoutRules } from './lockout-rules.js';
import { PasswordCredential } from './password-credential.entity.js';
import type { PasswordHasher } from './password-hasher.js';
import { MAX_LENGTH } from './password-policy.js';

export type PasswordOutcome =
  | { outcome: 'ok'; user: User; mustChange: boolean; changedAt: Date; failures: number }
  | { outcome: 'failed' }
  | { outcome: 'locked'; until: Date };

/** No user has it: a look-up that costs what a real one does. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

export class PasswordVerifier {
  private dummy: Promise<string> | undefined;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly attempts: Attempts,
    private readonly imported: ImportedPasswords,
    private readonly hasher: PasswordHasher,
    /** Whether somebody made this account who has not proved its address since; asked of the id that nobody has as well. */
    private readonly isUnproved: (userId: string) => Promise<boolean>,
  ) {}

  /**
   * Nobody learns from answer or time whether an identifier exists: known, unknown, without a password and disabled cost one hash each (and
   * what ImportedPasswords.standIn says), and are counted and locked alike. An account whose address has to be proved first answers as if
   * it were not there. @param evenUnproved for the proof itself.
   * @throws AppError 503 where there is no room to hash; the attempt does not count then.
   */
  async verify(identifier: string, password: string, { evenUnproved = false } = {}): Promise<PasswordOutcome> {
    this.hasher.assertRoom();
    const { settings } = await this.tenants.current();
    const user = await this.users.findByEmail(identifier);
    const target = await this.targetOf(identifier, user);
    const attempt = await this.attempts.begin(target, lockoutRules(settings.lockout, 'password'));
    const credential = await this.credentialOf(user?.id ?? NOBODY);
    const standIn = await this.imported.standIn(target.subject);
    const made = await this.isUnproved(user?.id ?? NOBODY);
    if ('lockedUntil' in attempt) {
      await this.attempts.failed(target, 'locked');
      return { outcome: 'locked', until: attempt.lockedUntil };
    }
    // An administrator may have said that the address is proved.
    const unproved = made && !user?.emailVerified && !evenUnproved;
    const waits = unproved && settings.authentication.email_verification === 'required';
    const early = await this.attempts.begin(ofRole(target), lockoutRules(settings.lockout, 'password_of_role'));
    const counted: Counted = { target, attempt, early, hasRole: hasRole(user) };
    const isLocked = counted.hasRole && 'lockedUntil' in early;

    const right = await this.compare(isLocked ? undefined : credential?.hash, standIn, password, () =>
      this.release(counted),
    );
    const reason = isLocked ? 'locked' : (refusal(user, credential, right) ?? (waits ? 'unproved' : undefined));
    if (reason || !user || !credential) return this.failed(counted, reason ?? 'unknown_user');

    const failures = await this.attempts.passed(target);
    await this.attempts.forget(ofRole(target));
    await this.rehash(credential, password);
    return { outcome: 'ok', user, mustChange: credential.mustChange, changedAt: credential.changedAt, failures };
  }

  /** As everybody's are counted: what a page may go by. */
  async failures(identifier: string): Promise<LockoutState> {
    return this.attempts.state(await this.targetOf(identifier, undefined));
  }

  /** As they are, for whoever administers the account. */
  async failuresOf(user: User): Promise<LockoutState> {
    const target = await this.targetOf(user.email, user);
    const [open, early] = [await this.attempts.state(target), await this.attempts.state(ofRole(target))];
    if (!hasRole(user)) return open;
    return Number(early.locked_until) > Number(open.locked_until) ? { ...open, ...lockOf(early) } : open;
  }

  /** The sign-in is done, or what was missed on the way to it is accounted for elsewhere. */
  async settle(user: User): Promise<void> {
    await this.attempts.settle(await this.targetOf(user.email, user));
  }

  /** In the transaction in which another password was set. */
  async reset(user: User): Promise<void> {
    const target = await this.targetOf(user.email, user);
    await this.attempts.endedByOwner(target);
    await this.attempts.settle(target);
    await this.attempts.forget(ofRole(target));
  }

  /** An administrator's word. @returns whether there was anything to forget. */
  async unlock(user: User): Promise<boolean> {
    this.users.assertMayChange(user);
    const target = await this.targetOf(user.email, user);
    return this.db.transaction(async () => {
      await this.attempts.forget(ofRole(target));
      return this.attempts.unlock(target);
    });
  }

  private async targetOf(identifier: string, user: User | undefined): Promise<Target> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    return { subject: passwordSubject(identifierKey, identifier), factor: 'password', userId: user?.id ?? null };
  }

  private async failed({ target, attempt, early, hasRole }: Counted, reason: SignInFailure): Promise<PasswordOutcome> {
    // One lock is told once: the earlier one.
    const locks = hasRole ? ('lockedUntil' in early ? undefined : (early.locks ?? attempt.locks)) : attempt.locks;
    await this.attempts.failed(target, reason, { locks });
    return { outcome: 'failed' };
  }

  private async release({ target, attempt, early }: Counted): Promise<void> {
    await this.attempts.release(target, attempt);
    if (!('lockedUntil' in early)) await this.attempts.release(ofRole(target), early);
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

  private async credentialOf(userId: string): Promise<PasswordCredential | undefined> {
    return (await this.db.repo(PasswordCredential).findOneBy({ userId })) ?? undefined;
  }
}

interface Counted {
  target: Target;
  attempt: Reservation;
  /** What goes for an account that has a role. */
  early: Reservation | { lockedUntil: Date };
  hasRole: boolean;
}

/**
 * An account that has a role is locked earlier, and nobody learns from that that it is worth more: up to where others are locked it answers that
 * the password is wrong, after the same work. Its own count is kept beside the one that everybody has; everybody has it, and with a role it counts.
 */
const ofRole = (target: Target): Target => ({ ...target, factor: 'password_of_role' });

const hasRole = (user: User | undefined): boolean => user !== undefined && user.roles.length > 0;

const lockOf = ({ locked_until, lockout_count }: LockoutState) => ({ locked_until, lockout_count });

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
