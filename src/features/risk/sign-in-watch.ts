// Owns what is noticed about a sign-in that succeeded: an unknown browser, an unknown network, what failed before it.
// Hands off to: assess() for what that means, mail for telling the owner, Lockdown for the link in that letter.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Devices } from '../devices/device.service.js';
import type { MailService } from '../mail/mail.service.js';
import { AccountSettings } from '../users/account-settings.js';
import type { User } from '../users/user.entity.js';
import { assess, type Risk, type RiskSignals } from './assess.js';
import { LOCKDOWN_MINUTES, type Lockdown } from './lockdown.js';
import { networkOf } from './network.js';

const dayMs = 24 * 3600 * 1000;

export class SignInWatch {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly devices: Devices,
    private readonly lockdown: Pick<Lockdown, 'issue'>,
    private readonly mail: Pick<MailService, 'send'>,
  ) {}

  /**
   * @param handles what the browser holds. @param failures at the account, just before.
   * @returns what follows from it, and what the browser is to hold where it is new.
   */
  observe(user: User, handles: readonly string[], failures: number): Promise<{ risk: Risk; handle?: string }> {
    return this.db.transaction(async () => {
      const { device, handle } = await this.devices.seen(user, handles);
      const { network, lockouts } = await this.signalsOf(user);
      const risk = assess({ device, network, failures, lockouts });
      if (risk.reasons.length > 0) await this.audit.record('sign_in.noticed', { user_id: user.id, ...risk });
      const isNew = risk.reasons.some((reason) => reason === 'new_device' || reason === 'new_network');
      // What is more than a new browser is told whether or not the person wants to hear of those.
      if (isNew && (wantsToHear(user) || risk.decision !== 'allow')) await this.tell(user);
      return { risk, ...(handle ? { handle } : {}) };
    });
  }

  private async signalsOf({ id: userId }: User): Promise<Pick<RiskSignals, 'network' | 'lockouts'>> {
    const now = this.clock.now();
    // An address that cannot be read is no network anybody knows.
    const name = networkOf(currentContext()?.ip) ?? 'unknown';
    const since = new Date(now.getTime() - dayMs);
    const [row] = await this.db.execute<Signals>(OBSERVE, [currentTenantId(), userId, name, now, since]);
    const network = row?.known ? 'known' : row?.others ? 'new' : 'first';
    return { network, lockouts: row?.lockouts ?? 0 };
  }

  private async tell(user: User): Promise<void> {
    const { ip, userAgent } = currentContext() ?? {};
    const link = await this.lockdown.issue(user);
    const data = { link, minutes: LOCKDOWN_MINUTES, at: this.clock.now().toISOString(), ip, device: userAgent };
    await this.mail.send('new_device', user.email, data, user.claims.locale);
  }
}

const wantsToHear = ({ settings }: User) => AccountSettings.parse(settings).notifications.new_device;

interface Signals {
  known: boolean;
  others: boolean;
  lockouts: number;
}

// The questions see the table as it was before the insertion.
const OBSERVE = {
  name: 'sign_in_observe',
  text: `
    WITH noted AS (
      INSERT INTO known_networks (tenant_id, user_id, network, last_seen_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT (tenant_id, user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at)
    SELECT EXISTS (SELECT FROM known_networks WHERE tenant_id = $1 AND user_id = $2 AND network = $3) AS known,
           EXISTS (SELECT FROM known_networks WHERE tenant_id = $1 AND user_id = $2) AS others,
           (SELECT count(*)::int FROM lockouts WHERE tenant_id = $1 AND user_id = $2 AND locked_at > $5::timestamptz) AS lockouts`,
};
