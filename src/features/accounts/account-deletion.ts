// Owns the end of an account by its owner's own word: closed at once, gone after a time in which the mailbox can take it back.
// Hands off to: UserService, with which everything that rested on the account ends; the job that comes when the time has passed.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { forbidden } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailService } from '../mail/mail.service.js';
import { ENDED_WITH_ADDRESS } from '../one-time-tokens/one-time-purposes.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { LockdownLinks } from '../risk/lockdown-links.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';

export const PURGE_TASK = 'accounts.purge';

const daySeconds = 24 * 3600;
const batch = 100;

export class AccountDeletion {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
    private readonly lockdownLinks: Pick<LockdownLinks, 'issue'>,
  ) {}

  async graceDays(): Promise<number> {
    return (await this.tenants.current()).settings.accounts.deletion_grace_days;
  }

  /**
   * @param stands whether the session that asks still holds: somebody else who was shut out closes nothing any more.
   * @returns when the account will be gone. @throws AppError 403 where it does not, 409 for the last administrator.
   */
  async request(user: User, stands = async () => true): Promise<Date> {
    const tenant = await this.tenants.current();
    const ttlSeconds = (await this.graceDays()) * daySeconds;
    const until = new Date(this.clock.now().getTime() + ttlSeconds * 1000);
    await this.db.transaction(async () => {
      if (!(await stands())) throw forbidden('session_ended', 'You were signed out meanwhile');
      await this.users.close(user, until);
      await this.oneTimeTokens.revokeAll(ENDED_WITH_ADDRESS, user.id);
      const data = { email: user.emailNormalized };
      const token = await this.oneTimeTokens.issue('account_deletion_undo', user.id, { ttlSeconds, data });
      const link = `${this.tenants.issuerOf(tenant)}/account-restore?token=${token}`;
      // Good once the account is kept: where somebody else asked for its end, they are still in it then.
      const not_me = await this.lockdownLinks.issue(user);
      const letter = { until: until.toISOString(), link, not_me };
      await this.mail.send('account_deletion', user.email, letter, user.claims.locale);
    });
    return until;
  }

  /** Whose account the link keeps. Uses nothing up: mail scanners open links too. */
  async peek(token: string): Promise<User | undefined> {
    const found = await this.oneTimeTokens.peek('account_deletion_undo', token);
    return found && this.holder(found);
  }

  /** Nobody is signed in by it. @throws AppError 400 where the link is not good. */
  async restore(token: string): Promise<void> {
    await this.db.transaction(async () => {
      const used = await this.oneTimeTokens.consume('account_deletion_undo', token);
      const user = used && (await this.holder(used));
      if (!user) throw invalidLink();
      await this.users.reopen(user, undefined, 'owner');
    });
  }

  /** The job, over all tenants; those of a suspended tenant wait. May stop anywhere and run twice. @returns how many accounts went. */
  async purge(signal?: AbortSignal): Promise<number> {
    let gone = 0;
    let failure: unknown;
    for (let due: Due[] = []; ; ) {
      due = (await this.db.manager.query(DUE, [this.clock.now(), due.at(-1)?.id ?? null, batch])) as Due[];
      for (const { tenant_id: tenantId, id } of due) {
        if (signal?.aborted) return gone;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        try {
          if (await withContext(context, () => this.end(id))) gone += 1;
        } catch (error) {
          // One that cannot go keeps nobody else.
          failure ??= error;
        }
      }
      if (due.length < batch) break;
    }
    if (failure) throw failure;
    return gone;
  }

  /** @returns false where it was taken back, or done by another process, a moment ago. */
  private end(id: string): Promise<boolean> {
    return this.db.transaction(async () => {
      const rows = await this.db.execute(HOLD, [currentTenantId(), id, this.clock.now()]);
      if (rows.length === 0) return false;
      const user = await this.users.find(id);
      await this.users.delete(user);
      await this.audit.record('account.deleted', { user_id: id });
      await this.mail.send('account_deleted', user.email, {}, user.claims.locale);
      return true;
    });
  }

  /** A letter to an address that is no longer theirs keeps nothing. */
  private async holder({ subject, data }: { subject: string; data: { email: string } }): Promise<User | undefined> {
    const user = await this.users.find(subject).catch(() => undefined);
    return user?.deletionAt && user.emailNormalized === data.email ? user : undefined;
  }
}

interface Due {
  tenant_id: string;
  id: string;
}

const DUE = `
  SELECT u.tenant_id, u.id FROM users u JOIN tenants t ON t.id = u.tenant_id
   WHERE u.deletion_at <= $1::timestamptz AND t.suspended_at IS NULL AND t.deleting_at IS NULL AND ($2::uuid IS NULL OR u.id > $2)
   ORDER BY u.id LIMIT $3`;

const HOLD = {
  name: 'account_deletion_hold',
  text: 'SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND deletion_at <= $3::timestamptz FOR NO KEY UPDATE',
};
