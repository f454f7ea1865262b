// Owns what is noticed about a sign-in: an unknown browser, an unknown network, what failed before it.
// Hands off to: assess() for what that means, mail for telling the owner, Lockdown for the link in that letter.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import { sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { networkOf } from '../../platform/network.js';
import { deviceOf } from '../../platform/user-agent.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Devices } from '../devices/device.service.js';
import type { MailService } from '../mail/mail.service.js';
import type { RiskPolicy } from '../tenants/authentication-policy.js';
import { AccountSettings } from '../users/account-settings.js';
import type { User } from '../users/user.entity.js';
import { assess, type Risk } from './assess.js';
import { LOCKDOWN_MINUTES, type Lockdown } from './lockdown.js';

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
   * Looks, and remembers nothing: until the sign-in is done, browser and network stay what they were.
   * @param handles what the browser holds. @param failures at the account, just before.
   */
  async weigh(user: User, handles: readonly string[], failures: number, policy: RiskPolicy): Promise<Risk> {
    const device = await this.devices.recognised(user, handles);
    const since = new Date(this.clock.now().getTime() - dayMs);
    // An address that cannot be read is no network anybody knows.
    const here = networkOf(currentContext()?.ip) ?? '';
    const values = [currentTenantId(), user.id, here, since, denialsOf(user)];
    const [row] = await this.db.execute<Signals>(SIGNALS, values);
    const network = row?.known ? 'known' : row?.others ? 'new' : 'first';
    const { lockouts = 0, denied = false } = row ?? {};
    return assess({ device, network, failures, lockouts, denied }, policy);
  }

  /** Whoever it is is let in. @returns what the browser is to hold where it is new. */
  admitted(user: User, handles: readonly string[], risk: Risk): Promise<string | undefined> {
    return this.db.transaction(async () => {
      const handle = await this.devices.seen(user, handles);
      const here = networkOf(currentContext()?.ip);
      if (here) await this.db.execute(NOTE_NETWORK, [currentTenantId(), user.id, here, this.clock.now()]);
      await this.notice(user, risk, true);
      return handle;
    });
  }

  /** Whoever it is is not let in, although they knew how: what failed before is forgotten by then, so this is what the next try is weighed by. */
  denied(user: User, risk: Risk): Promise<void> {
    return this.db.transaction(async () => {
      await this.db.execute(NOTE_DENIAL, [currentTenantId(), denialsOf(user), this.clock.now()]);
      await this.notice(user, risk, false);
    });
  }

  private async notice(user: User, { decision, reasons, score }: Risk, admitted: boolean): Promise<void> {
    if (reasons.length === 0) return;
    await this.audit.record('sign_in.noticed', { user_id: user.id, decision, score, reasons, admitted });
    const isElsewhere = reasons.some((reason) => reason === 'new_device' || reason === 'new_network');
    // What is more than a new browser is told whether or not the person wants to hear of those.
    const tells = isElsewhere && (wantsToHear(user) || decision !== 'allow');
    if (tells || !admitted) await this.tell(user, admitted);
  }

  private async tell(user: User, admitted: boolean): Promise<void> {
    const { ip, userAgent } = currentContext() ?? {};
    const link = await this.lockdown.issue(user);
    const data = {
      link,
      minutes: LOCKDOWN_MINUTES,
      at: this.clock.now().toISOString(),
      ip,
      ...deviceOf(userAgent),
      refused: !admitted,
    };
    await this.mail.send('new_device', user.email, data, user.claims.locale);
  }
}

const denialsOf = ({ id }: Pick<User, 'id'>): string => sha256(`denied\0${id}`);

const wantsToHear = ({ settings }: User) => AccountSettings.parse(settings).notifications.new_device;

interface Signals {
  known: boolean;
  others: boolean;
  lockouts: number;
  denied: boolean;
}

const SIGNALS = {
  name: 'sign_in_signals',
  text: `
    SELECT EXISTS (SELECT FROM known_networks WHERE tenant_id = $1 AND user_id = $2 AND network = $3) AS known,
           EXISTS (SELECT FROM known_networks WHERE tenant_id = $1 AND user_id = $2) AS others,
           (SELECT count(*)::int FROM lockouts WHERE tenant_id = $1 AND user_id = $2 AND locked_at > $4::timestamptz) AS lockouts,
           EXISTS (SELECT FROM login_failures
                   WHERE tenant_id = $1 AND subject_hash = $5 AND factor = 'denied' AND last_failed_at > $4::timestamptz) AS denied`,
};

const NOTE_DENIAL = {
  name: 'sign_in_note_denial',
  text: `
    INSERT INTO login_failures AS f (tenant_id, subject_hash, factor, failed_count, last_failed_at) VALUES ($1, $2, 'denied', 1, $3)
    ON CONFLICT (tenant_id, subject_hash, factor) DO UPDATE
      SET failed_count = least(f.failed_count, 1000000) + 1, last_failed_at = excluded.last_failed_at`,
};

const NOTE_NETWORK = {
  name: 'sign_in_note_network',
  text: `
    INSERT INTO known_networks (tenant_id, user_id, network, last_seen_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at`,
};
