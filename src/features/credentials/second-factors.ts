// Owns what an account has beside its password, and the one place where a code of it is tried: counted for the account, whatever the address,
// the session or the process, before it is looked at.
import type { Clock } from '../../platform/clock.js';
import { hmac } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Factors } from '../authentication/requirement.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { Lockout, Reservation } from './lockout.js';
import type { Passkeys } from './passkeys.js';
import type { PasswordHooks } from './password.service.js';
import type { RecoveryCodes } from './recovery-codes.js';
import type { TotpService } from './totp.service.js';

export type CodeMethod = 'totp' | 'recovery_code';

export type CodeOutcome = { outcome: 'ok' } | { outcome: 'failed' } | { outcome: 'locked'; seconds: number };

export class SecondFactors {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly lockout: Lockout,
    private readonly totp: TotpService,
    private readonly recoveryCodes: RecoveryCodes,
    private readonly passkeys: Pick<Passkeys, 'of'>,
    private readonly clock: Clock,
    private readonly hooks: Pick<PasswordHooks, 'locked'>,
  ) {}

  async of(userId: string): Promise<Factors> {
    const [totp, recovery_codes] = [await this.totp.has(userId), await this.recoveryCodes.left(userId)];
    const passkeys = (await this.passkeys.of(userId)).map(({ deviceBound }) => ({ device_bound: deviceBound }));
    return { totp, passkeys, recovery_codes };
  }

  /** Not inside a transaction: the count must stay where the caller rolls back. */
  async verify(user: User, method: CodeMethod, code: string): Promise<CodeOutcome> {
    if (this.db.inTransaction) throw new Error('a code is verified outside a transaction');
    const tenant = await this.tenants.current();
    const subject = hmac(this.tenants.secrets(tenant).identifierKey, `second-factor\0${user.id}`);
    const attempt = await this.lockout.reserve(subject, 'second_factor', tenant.settings.lockout);
    if ('lockedUntil' in attempt) {
      await this.recordFailure(subject, user, 'locked');
      const milliseconds = attempt.lockedUntil.getTime() - this.clock.now().getTime();
      return { outcome: 'locked', seconds: Math.max(1, Math.ceil(milliseconds / 1000)) };
    }
    const right = method === 'totp' ? await this.totp.verify(user, code) : await this.recoveryCodes.consume(user, code);
    if (!right) return this.failed(subject, user, attempt);
    await this.lockout.clear(subject, 'second_factor');
    return { outcome: 'ok' };
  }

  private failed(subject: string, user: User, { locks }: Reservation): Promise<CodeOutcome> {
    return this.db.transaction(async () => {
      await this.recordFailure(subject, user, 'wrong_code');
      if (locks) {
        const lock = { user_id: user.id, until: locks.until.toISOString(), lockout_count: locks.lockoutCount };
        await this.audit.record('account.locked', { subject_hash: subject, factor: 'second_factor', ...lock });
        await this.hooks.locked(lock);
      }
      return { outcome: 'failed' };
    });
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
