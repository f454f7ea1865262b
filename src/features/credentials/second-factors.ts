// Owns what an account has beside its password, and the one place where a code of it is tried: counted for the account, whatever the address,
// the session or the process, before it is looked at.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { Factors } from '../authentication/requirement.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { secondFactorSubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import { holdPerson } from '../users/user-rows.js';
import type { Attempts, CodeOutcome, Target, Tried } from './attempts.js';
import type { LockoutState } from './lockout.js';
import { lockoutRules, ofPrivileged } from './lockout-rules.js';
import type { Passkeys } from './passkeys.js';
import type { RecoveryCodes } from './recovery-codes.js';
import type { TotpService } from './totp.service.js';

export type CodeMethod = 'totp' | 'recovery_code';

export interface FactorHooks {
  /** In the transaction in which all factors went: sessions and remembered browsers end. */
  factorsRemoved(user: User): Promise<void>;
  /** A recovery code let somebody in. @param left how many can still be used. */
  recoveryCodeUsed(user: User, left: number): Promise<void>;
}

export class SecondFactors {
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly attempts: Attempts,
    private readonly totp: TotpService,
    private readonly recoveryCodes: RecoveryCodes,
    private readonly passkeys: Pick<Passkeys, 'of' | 'removeAll' | 'lower'>,
    private readonly hooks: FactorHooks,
  ) {}

  async of(userId: string): Promise<Factors> {
    const [row] = await this.db.execute<Row>(OF_ACCOUNT, [currentTenantId(), userId]);
    const { totp = false, recovery_codes = 0, backup_eligible = [] } = row ?? {};
    const passkeys = backup_eligible.map((eligible) => ({ device_bound: !eligible }));
    return { totp, passkeys, recovery_codes };
  }

  verify(user: User, method: CodeMethod, code: string): Promise<CodeOutcome> {
    return this.counted(user, async () => {
      const isRight = method === 'totp' ? await this.totp.verify(user, code) : await this.recover(user, code);
      return isRight ? 'right' : 'wrong';
    });
  }

  /** One try, whatever is tried: all of an account are counted together. Not inside a transaction. */
  async counted(user: User, look: () => Promise<Tried>): Promise<CodeOutcome> {
    const { lockout } = (await this.tenants.current()).settings;
    const rules = lockoutRules(lockout, 'second_factor');
    const theirs = user.roles.length > 0 ? ofPrivileged(lockout, rules) : rules;
    return this.attempts.counted(await this.targetOf(user), theirs, look);
  }

  async failures(user: Pick<User, 'id'>): Promise<LockoutState> {
    return this.attempts.state(await this.targetOf(user));
  }

  /** An administrator's word. @returns whether there was anything to forget. */
  async unlock(user: User): Promise<boolean> {
    return this.attempts.unlock(await this.targetOf(user));
  }

  /** In the transaction in which a link from the mailbox has set another password: whoever knew the old one guesses no more. */
  async reopen(user: User): Promise<void> {
    await this.attempts.reopen(await this.targetOf(user));
  }

  /** For whoever has lost them all: what rested on them ends with them. @returns whether there were any. */
  async removeAll(user: User): Promise<boolean> {
    return this.db.transaction(async () => {
      await holdPerson(this.db, user.id);
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
   * takes no factor away. No passkey that stays, however old, opens anything by itself any more, until it was used after another proof.
   */
  async removeAddedSince(user: User, since: Date): Promise<void> {
    await this.db.transaction(async () => {
      await this.passkeys.lower(user);
      if (!(await this.hadBefore(user, since))) return;
      await this.totp.remove(user, since);
      await this.recoveryCodes.remove(user, since);
      await this.passkeys.removeAll(user, since);
    });
  }

  /** Whether the account had a factor before that, also one that was taken away or replaced since: whoever did so must not pass for the first owner. */
  async hadBefore({ id }: Pick<User, 'id'>, time: Date): Promise<boolean> {
    if (await this.totp.hadBefore(id, time)) return true;
    if ((await this.passkeys.of(id)).some(({ createdAt }) => createdAt < time)) return true;
    return (await this.db.execute(LOST_SINCE, [currentTenantId(), id, time])).length > 0;
  }

  private recover(user: User, code: string): Promise<boolean> {
    return this.db.transaction(async () => {
      if (!(await this.recoveryCodes.consume(user, code))) return false;
      await this.hooks.recoveryCodeUsed(user, await this.recoveryCodes.left(user.id));
      return true;
    });
  }

  private async targetOf({ id }: Pick<User, 'id'>): Promise<Target> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    return { subject: secondFactorSubject(identifierKey, id), factor: 'second_factor', userId: id };
  }
}

interface Row {
  totp: boolean;
  recovery_codes: number;
  /** Of each passkey. */
  backup_eligible: boolean[];
}

const OF_ACCOUNT = {
  name: 'second_factors_of',
  text: `
    SELECT EXISTS (SELECT FROM totp_credentials WHERE tenant_id = $1 AND user_id = $2) AS totp,
           (SELECT count(*)::int FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2 AND used_at IS NULL) AS recovery_codes,
           ARRAY(SELECT backup_eligible FROM passkeys WHERE tenant_id = $1 AND user_id = $2) AS backup_eligible`,
};

const LOST_SINCE = {
  name: 'second_factors_lost_since',
  text: `
    SELECT 1 FROM audit_events
     WHERE tenant_id = $1 AND data ->> 'user_id' = $2::text AND name IN ('factor.removed', 'passkey.removed')
       AND occurred_at >= $3::timestamptz AND (data ->> 'added_at')::timestamptz < $3::timestamptz LIMIT 1`,
};
