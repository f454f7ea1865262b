// Owns what is noticed about a sign-in: an unknown browser, an unknown network, what failed before it.
// Hands off to: KnownPlaces and the lockout for what was before, assessRisk() for what that means, mail for telling the owner, LockdownLinks for
// the link in that letter.
import type { Clock } from '../../platform/clock.js';
import { currentContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { deviceOf } from '../../platform/user-agent.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Lockout } from '../credentials/lockout.js';
import type { LockoutHistory } from '../credentials/lockout-history.js';
import type { MailService } from '../mail/mail.service.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import type { RiskPolicy } from '../tenants/authentication-policy.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { AccountSettings } from '../users/account-settings.js';
import { denialSubject } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { assessRisk, type Risk } from './assess.js';
import type { KnownPlaces } from './known-places.js';
import type { LockdownLinks } from './lockdown-links.js';

const dayMs = 24 * 3600 * 1000;

export class SignInWatch {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: Pick<UserService, 'hold'>,
    private readonly clock: Clock,
    private readonly places: KnownPlaces,
    private readonly lockout: Pick<Lockout, 'noteDenial' | 'wasDenied'>,
    private readonly history: Pick<LockoutHistory, 'countSince'>,
    private readonly lockdownLinks: LockdownLinks,
    private readonly mail: Pick<MailService, 'send'>,
  ) {}

  /**
   * Looks, and remembers nothing: until the sign-in is done, browser and network stay what they were.
   * @param handles what the browser holds. @param failures at the account, just before.
   */
  async weigh(user: User, handles: readonly string[], failures: number, policy: RiskPolicy): Promise<Risk> {
    const since = new Date(this.clock.now().getTime() - dayMs);
    const { device, network } = await this.places.look(user, handles);
    const lockouts = await this.history.countSince(user.id, since);
    const denied = await this.lockout.wasDenied(await this.denialsOf(user), since);
    return assessRisk({ device, network, failures, lockouts, denied }, policy);
  }

  /**
   * Whoever it is is let in. Where the account was closed to them meanwhile, nothing of theirs becomes known.
   * @param provedAt NumericDate. @returns what the browser is to hold where it is new.
   */
  admitted(user: User, handles: readonly string[], risk: Risk, provedAt: number): Promise<string | undefined> {
    return this.db.transaction(async () => {
      if (!(await this.users.hold(user, provedAt))) return undefined;
      const handle = await this.places.remember(user, handles);
      await this.notice(user, risk, true);
      return handle;
    });
  }

  /** Whoever it is is not let in, although they knew how: the next try is weighed by that too. */
  denied(user: User, risk: Risk): Promise<void> {
    return this.db.transaction(async () => {
      await this.lockout.noteDenial(await this.denialsOf(user));
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
    const link = await this.lockdownLinks.issue(user);
    const data = {
      link,
      minutes: TTL_SECONDS.lockdown / 60,
      at: this.clock.now().toISOString(),
      ip,
      ...deviceOf(userAgent),
      refused: !admitted,
    };
    await this.mail.send('new_device', user.email, data, user.claims.locale);
  }

  private async denialsOf({ id }: User): Promise<string> {
    return denialSubject(this.tenants.secrets(await this.tenants.current()).identifierKey, id);
  }
}

const wantsToHear = ({ settings }: User) => AccountSettings.parse(settings).notifications.new_device;
