// Owns the way back for somebody who has lost their second factors: they know the password and hold the mailbox, and they wait. Whoever still
// has a factor and signs in with it meanwhile ends it.
// Hands off to: SecondFactors, which takes the factors away and ends what rested on them; requirement.ts, which asks for new ones.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Proof } from '../authentication/assurance.js';
import type { SecondFactors } from '../credentials/second-factors.js';
import type { MailService } from '../mail/mail.service.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { holdPerson } from '../users/user-rows.js';
import { FactorRecovery } from './factor-recovery.entity.js';
import type { Mailboxes } from './mailboxes.js';

const hourMs = 3600 * 1000;

export class FactorRecoveries {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly mailboxes: Mailboxes,
    private readonly secondFactors: Pick<SecondFactors, 'removeAll'>,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
  ) {}

  /** Hours to wait, where this person may go this way: their address is proved, and they came in by something else than that mailbox. */
  async waitFor(user: User, proofs: readonly Proof[]): Promise<number | undefined> {
    const { recovery_delay_hours: hours } = (await this.tenants.current()).settings.authentication;
    const byAnother = proofs.some(({ method }) => method === 'password' || method === 'passkey');
    return hours > 0 && user.emailVerified && byAnother ? hours : undefined;
  }

  /**
   * The owner of the mailbox hears of it at once. Asked for again, the older link dies and the wait goes on.
   * @throws AppError 409 where this person may not, 429.
   */
  async request(user: User, proofs: readonly Proof[]): Promise<void> {
    const hours = await this.waitFor(user, proofs);
    if (hours === undefined) throw conflict('no_recovery', 'Factors are taken away by an administrator here');
    await this.mailboxes.throttleKnown(user);
    await this.db.transaction(async () => {
      await holdPerson(this.db, user.id);
      const now = this.clock.now();
      const latest = new Date(now.getTime() + hours * hourMs);
      const rows = await this.db.execute<{ ready_at: Date }>(REQUEST, [currentTenantId(), user.id, now, latest]);
      const readyAt = rows[0]?.ready_at ?? latest;
      const ttlSeconds = Math.max(0, (readyAt.getTime() - now.getTime()) / 1000) + TTL_SECONDS.mfa_recovery;
      const data = { email: user.emailNormalized };
      const token = await this.oneTimeTokens.issue('mfa_recovery', user.id, { ttlSeconds, data });
      const at = readyAt.toISOString();
      await this.audit.record('recovery.requested', { user_id: user.id, ready_at: at });
      const issuer = this.tenants.issuerOf(await this.tenants.current());
      const letter = { link: `${issuer}/factor-recovery?token=${token}`, at, minutes: TTL_SECONDS.mfa_recovery / 60 };
      await this.mail.send('recovery_requested', user.email, letter, user.claims.locale);
    });
  }

  /** Whose link it is and from when it works. Uses nothing up: mail scanners open links too. */
  async peek(token: string): Promise<{ user: User; readyAt: Date; isReady: boolean } | undefined> {
    const found = await this.oneTimeTokens.peek('mfa_recovery', token);
    const user = found && (await this.mailboxes.holder(found));
    const pending = user && (await this.pending(user));
    if (!pending) return undefined;
    return { user, readyAt: pending.readyAt, isReady: pending.readyAt <= this.clock.now() };
  }

  /** Uses the link up; the next sign-in sets up another factor. @throws AppError 400 where the link is not good, 409 before its time. */
  async redeem(token: string): Promise<void> {
    const known = await this.peek(token);
    if (!known) throw invalidLink();
    if (!known.isReady) throw conflict('not_yet', 'This link works later');
    await this.db.transaction(async () => {
      const used = await this.oneTimeTokens.consume('mfa_recovery', token);
      const user = used && (await this.mailboxes.holder(used));
      if (!user) throw invalidLink();
      const now = this.clock.now();
      // A sign-in with the factor at this very moment is either before it, and the link is dead, or after it, and fails.
      if ((await this.db.execute(COMPLETE, [currentTenantId(), user.id, now])).length === 0) throw invalidLink();
      await this.secondFactors.removeAll(user);
      await this.audit.record('recovery.completed', { user_id: user.id });
      await this.mail.send('factors_recovered', user.email, { at: now.toISOString() }, user.claims.locale);
    });
  }

  /** Somebody signed in who has a factor: nothing was lost, or somebody else has asked. */
  async signedIn({ id }: User, proofs: readonly Proof[]): Promise<void> {
    if (!proofs.some(({ method }) => method === 'totp' || method === 'passkey' || method === 'recovery_code')) return;
    await this.db.transaction(async () => {
      await holdPerson(this.db, id);
      const ended = await this.db.execute<{ done: boolean }>(END, [currentTenantId(), id]);
      if (!ended.some(({ done }) => !done)) return;
      await this.oneTimeTokens.revoke('mfa_recovery', id);
      await this.audit.record('recovery.cancelled', { user_id: id });
    });
  }

  /** Whether factors were taken away in this way, and none has been proved since. */
  async isRecovered(userId: string): Promise<boolean> {
    return (await this.db.repo(FactorRecovery).findOneBy({ userId }))?.doneAt != null;
  }

  private async pending({ id: userId }: User): Promise<FactorRecovery | undefined> {
    const found = await this.db.repo(FactorRecovery).findOneBy({ userId });
    return found && !found.doneAt ? found : undefined;
  }
}

// Where the link has died, of age or with the password, the wait begins anew.
const REQUEST = {
  name: 'factor_recovery_request',
  text: `
    INSERT INTO factor_recoveries (tenant_id, user_id, requested_at, ready_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, user_id) DO UPDATE
      SET requested_at = excluded.requested_at,
          ready_at = CASE
            WHEN factor_recoveries.done_at IS NULL AND EXISTS (
              SELECT FROM one_time_tokens
              WHERE tenant_id = $1 AND purpose = 'mfa_recovery' AND subject = factor_recoveries.user_id::text
                AND consumed_at IS NULL AND expires_at > $3)
            THEN least(factor_recoveries.ready_at, excluded.ready_at) ELSE excluded.ready_at END,
          done_at = NULL
    RETURNING ready_at`,
};

const COMPLETE = {
  name: 'factor_recovery_complete',
  text: `
    UPDATE factor_recoveries SET done_at = $3
    WHERE tenant_id = $1 AND user_id = $2 AND done_at IS NULL AND ready_at <= $3
    RETURNING user_id`,
};

const END = {
  name: 'factor_recovery_end',
  text: `DELETE FROM factor_recoveries WHERE tenant_id = $1 AND user_id = $2 RETURNING done_at IS NOT NULL AS done`,
};
