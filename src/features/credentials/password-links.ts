// A link to choose a password: by mail to the person alone, or into the hands of whoever runs the server. Owns whose link it is and when it
// is good; hands off to passwords for what it sets.
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailService } from '../mail/mail.service.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import { invalidLink, type OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import type { PasswordService } from './password.service.js';

export class PasswordLinks {
  /** @param linkOf where the page that accepts the token is. */
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly passwords: PasswordService,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly linkOf: (tenant: Tenant, token: string) => string,
    /** In the transaction of the new password, before it is written: the link proved the mailbox. */
    private readonly mailboxProved: (user: User) => Promise<User>,
  ) {}

  /** An older link dies. @returns the link: it is shown now or never. */
  async issue(user: User): Promise<string> {
    const tenant = await this.tenants.current();
    return this.db.transaction(async () => {
      const data = { email: user.emailNormalized };
      const token = await this.oneTimeTokens.issue('password_reset', user.id, { data });
      await this.audit.record('password.link_requested', { user_id: user.id });
      return this.linkOf(tenant, token);
    });
  }

  /** The link is in the mail and nowhere else. */
  async send(user: User): Promise<void> {
    await this.db.transaction(async () => {
      const link = await this.issue(user);
      const minutes = TTL_SECONDS.password_reset / 60;
      await this.mail.send('set_password', user.email, { link, minutes }, user.claims.locale);
    });
  }

  /** Whose password the link sets. Opening it uses nothing up: mail scanners open links too. */
  async peek(token: string): Promise<User | undefined> {
    const found = await this.oneTimeTokens.peek('password_reset', token);
    return found && this.users.holderOf(found);
  }

  /** Uses the link up. It also proves the mailbox. @throws AppError 400 where it is not good, 422 where the password is not. */
  async redeem(token: string, password: string): Promise<User> {
    const user = await this.peek(token);
    if (!user) throw invalidLink();
    const write = await this.passwords.prepare(user, password);
    return this.db.transaction(async () => {
      const used = await this.oneTimeTokens.consume('password_reset', token);
      const holder = used && (await this.users.holderOf(used));
      if (!holder) throw invalidLink();
      const proved = await this.mailboxProved(holder);
      await write();
      return proved;
    });
  }
}
