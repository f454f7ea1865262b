// Owns the request for a link to choose another password: one answer, by the same statements, whether or not the address has an account.
// Hands off to: PasswordLinks, which accepts the link.
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailService } from '../mail/mail.service.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { Mailboxes } from './mailboxes.js';

export class ForgottenPasswords {
  /** @param linkOf where the page that accepts the token is. */
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly mailboxes: Mailboxes,
    private readonly oneTimeTokens: OneTimeTokens,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly linkOf: (tenant: Tenant, token: string) => string,
  ) {}

  /** The older link dies. @throws AppError 429 */
  async request(identifier: string): Promise<void> {
    const { user, subject, email, to } = await this.mailboxes.throttle(identifier);
    const tenant = await this.tenants.current();
    await this.db.transaction(async () => {
      const token = await this.oneTimeTokens.issue('password_reset', subject, { data: { email } });
      await this.audit.record('mailbox.letter_requested', { user_id: user?.id ?? null, purpose: 'password_reset' });
      const letter = { link: this.linkOf(tenant, token), minutes: TTL_SECONDS.password_reset / 60 };
      await this.mail.send('set_password', to, letter, user?.claims.locale);
    });
  }
}
