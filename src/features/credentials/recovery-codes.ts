// Owns the codes that stand in for a factor that was lost: ten, each good once, kept as hashes that are worthless without the tenant's secret.
import { randomInt } from 'node:crypto';
import { MoreThanOrEqual } from 'typeorm';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { hmac } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { holdPerson } from '../users/user-rows.js';
import { RecoveryCode } from './recovery-code.entity.js';

const count = 10;
const length = 12;
/** Crockford's base 32: nothing that is read as something else. Twelve of them are 60 bits. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export class RecoveryCodes {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly clock: Clock,
  ) {}

  async left(userId: string): Promise<number> {
    const unused = this.db.repo(RecoveryCode).query('r').andWhere('r.user_id = :userId', { userId });
    return unused.andWhere('r.used_at IS NULL').getCount();
  }

  /** The earlier ones die. @returns the codes as they are shown, now or never. */
  async renew({ id: userId }: User): Promise<string[]> {
    const codes = Array.from({ length: count }, makeCode);
    const rows = await Promise.all(
      codes.map(async (code) =>
        Object.assign(new RecoveryCode(), {
          userId,
          codeHash: await this.hash(userId, code),
          createdAt: this.clock.now(),
        }),
      ),
    );
    return this.db.transaction(async () => {
      // Of two who make some at once, the ones of the second are left.
      await holdPerson(this.db, userId);
      await this.db.repo(RecoveryCode).delete({ userId });
      for (const row of rows) await this.db.repo(RecoveryCode).insert(row);
      await this.audit.record('recovery_codes.renewed', { user_id: userId });
      return codes.map(shown);
    });
  }

  /** For a factor that was just added. @returns undefined where what added it holds no more: whoever was shut out meanwhile is left no other way. */
  renewWhile(user: User, stands: () => Promise<boolean>): Promise<string[] | undefined> {
    return this.db.transaction(async () => ((await stands()) ? this.renew(user) : undefined));
  }

  /** Exactly one of many callers is let in with it. */
  async consume({ id: userId }: User, code: string): Promise<boolean> {
    const typed = normalize(code);
    if (typed.length !== length) return false;
    return this.db.transaction(async () => {
      const values = [currentTenantId(), userId, await this.hash(userId, typed), this.clock.now()];
      if ((await this.db.execute(CONSUME, values)).length === 0) return false;
      await this.audit.record('recovery_codes.used', { user_id: userId });
      return true;
    });
  }

  /** @param since only those made then or later. */
  async remove({ id: userId }: User, since = new Date(0)): Promise<boolean> {
    return this.db.transaction(async () => {
      const removed = (await this.db.repo(RecoveryCode).delete({ userId, createdAt: MoreThanOrEqual(since) })) > 0;
      if (removed) await this.audit.record('factor.removed', { user_id: userId, factor: 'recovery_codes' });
      return removed;
    });
  }

  private async hash(userId: string, code: string): Promise<string> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    return hmac(identifierKey, `recovery-code\0${userId}\0${code}`);
  }
}

const makeCode = (): string => Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');

/** In groups of four, as they are read out. */
const shown = (code: string): string => code.replaceAll(/(.{4})(?=.)/g, '$1-');

/** However it was typed, and whatever was taken for what. */
const normalize = (code: string): string =>
  code
    .toUpperCase()
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1')
    .replaceAll(/[^0-9A-Z]/g, '');

const CONSUME = {
  name: 'recovery_code_consume',
  text: `UPDATE recovery_codes SET used_at = $4 WHERE tenant_id = $1 AND user_id = $2 AND code_hash = $3 AND used_at IS NULL RETURNING user_id`,
};
