// Owns what an account has beside its password, and the one place where a code of it is tried: counted for the account, whatever the address,
// the session or the process, before it is looked at.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Factors } from '../authentication/requirement.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { secondFactorSubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import type { Lockout, LockoutState, Reservation } from './lockout.js';
import { LockoutHistory } from './lockout-history.js';
import { lockoutRules } from './lockout-rules.js';
import type { Passkeys } from './passkeys.js';
import type { PasswordHooks } from './password.service.js';
import type { RecoveryCodes } from './recovery-codes.js';
import type { TotpService } from './totp.service.js';

export type CodeMethod = 'totp' | 'recovery_code';

export type CodeOutcome = { outcome: 'ok' } | { outcome: 'failed' } | { outcome: 'locked'; seconds: number };

export interface FactorHooks extends Pick<PasswordHooks, 'locked'> {
  /** In the transaction in which all factors went: sessions and remembered browsers end. */
  factorsRemoved(user: User): Promise<void>;
  /** A recovery code let somebody in. @param left how many can still be used. */
  recoveryCodeUsed(user: User, left: number): Promise<void>;
}

export class SecondFactors {
  private readonly history: LockoutHistory;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly lockout: Lockout,
    private readonly totp: TotpService,
    private readonly recoveryCodes: RecoveryCodes,
    private readonly passkeys: Pick<Passkeys, 'of' | 'removeAll' | 'lower'>,
    private readonly clock: Clock,
    private readonly hooks: FactorHooks,
  ) {
    this.history = new LockoutHistory(db, audit, clock);
  }

  async of(userId: string): Promise<Factors> {
    const [totp, recovery_codes] = [await this.totp.has(userId), await this.recoveryCodes.left(userId)];
    const passkeys = (await this.passkeys.of(userId)).map(({ deviceBound }) => ({ device_bound: deviceBound }));
    return { totp, passkeys, recovery_codes };
  }

  verify(user: User, method: CodeMethod, code: string): Promise<CodeOutcome> {
    return this.counted(user, () => (method === 'totp' ? this.totp.verify(user, code) : this.recover(user, code)));
  }

  /**
   * One try, whatever is tried: all of an account are counted together.
   * Not inside a transaction: the count must stay where the caller rolls back.
   */
  async counted(user: User, isRight: () => Promise<boolean>): Promise<CodeOutcome> {
    if (this.db.inTransaction) throw new Error('a code is verified outside a transaction');
    const tenant = await this.tenants.current();
    const subject = await this.subjectOf(user);
    const rules = lockoutRules(tenant.settings.lockout, 'second_factor', user.roles.length > 0);
    const attempt = await this.lockout.reserve(subject, 'second_factor', rules);
    if ('lockedUntil' in attempt) {
      await this.recordFailure(subject, user, 'locked');
      const milliseconds = attempt.lockedUntil.getTime() - this.clock.now().getTime();
      return { outcome: 'locked', seconds: Math.max(1, Math.ceil(milliseconds / 1000)) };
    }
    if (!(await isRight())) return this.failed(subject, user, attempt);
    await this.lockout.clear(subject, 'second_factor');
    return { outcome: 'ok' };
  }

  async failures(user: Pick<User, 'id'>): Promise<LockoutState> {
    return this.lockout.state(await this.subjectOf(user), 'second_factor');
  }

  /** An administrator's word. @returns whether there was anything to forget. */
  async unlock(user: User): Promise<boolean> {
    const subject = await this.subjectOf(user);
    return this.db.transaction(async () => {
      await this.history.ended(subject, 'second_factor', 'administrator');
      if (!(await this.lockout.clear(subject, 'second_factor'))) return false;
      const event = { subject_hash: subject, user_id: user.id, factor: 'second_factor' };
      await this.audit.record('account.unlocked', event);
      return true;
    });
  }

  /** For whoever has lost them all: what rested on them ends with them. @returns whether there were any. */
  async removeAll(user: User): Promise<boolean> {
    return this.db.transaction(async () => {
      const totp = await this.totp.remove(user);
      const codes = await this.recoveryCodes.remove(user);
      const passkeys = await this.passkeys.removeAll(user);
      await this.unlock(user);
      await this.hooks.factorsRemoved(user);
      return totp || codes || passkeys;
    });
  }

  /**
   * What somebody else may have put there. Where the account had none before, the first ones stay: they may be its owner's, and a mailbox alone
   * takes no factor away. A passkey among them opens nothing by itself any more, until it was used after another proof.
   */
  async removeAddedSince(user: User, since: Date): Promise<void> {
    await this.db.transaction(async () => {
      if (!(await this.hadBefore(user, since))) return this.passkeys.lower(user);
      await this.totp.remove(user, since);
      await this.recoveryCodes.remove(user, since);
      await this.passkeys.removeAll(user, since);
    });
  }

  /** Whether a factor of the account is older than that. */
  async hadBefore({ id }: Pick<User, 'id'>, time: Date): Promise<boolean> {
    if (await this.totp.hadBefore(id, time)) return true;
    return (await this.passkeys.of(id)).some(({ createdAt }) => createdAt < time);
  }

  private recover(user: User, code: string): Promise<boolean> {
    return this.db.transaction(async () => {
      if (!(await this.recoveryCodes.consume(user, code))) return false;
      await this.hooks.recoveryCodeUsed(user, await this.recoveryCodes.left(user.id));
      return true;
    });
  }

  private failed(subject: string, user: User, { locks }: Reservation): Promise<CodeOutcome> {
    return this.db.transaction(async () => {
      await this.recordFailure(subject, user, 'wrong_code');
      if (locks) {
        const lock = { subject, factor: 'second_factor', userId: user.id, cause: 'wrong_code' } as const;
        await this.hooks.locked(await this.history.begun(lock, locks));
      }
      return { outcome: 'failed' };
    });
  }

  private async subjectOf({ id }: Pick<User, 'id'>): Promise<string> {
    return secondFactorSubject(this.tenants.secrets(await this.tenants.current()).identifierKey, id);
  }

  private recordFailure(subject: string, user: User, reason: 'wrong_code' | 'locked'): Promise<void> {
    return this.audit.record('sign_in.failed', {
      subject_hash: subject,
      user_id: user.id,
      factor: 'second_factor',
      reason,
    });
  }
}
