// Owns how somebody makes their own account: unverified, and with an answer that does not tell whether the address had one.
// Hands off to: passwords (what may be chosen), mail, email-verification (the proof of the address).
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { forbidden, invalid } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { PasswordService } from '../credentials/password.service.js';
import type { MailService } from '../mail/mail.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { EmailAddress, normalizeIdentifier } from '../users/identifier.js';
import { StandardClaims } from '../users/user.schema.js';
import type { EmailVerification } from './email-verification.js';
import type { Mailboxes } from './mailboxes.js';
import type { Registrations } from './registrations.js';

export interface NewAccount {
  email: string;
  password: string;
  name?: string | undefined;
  /** The interaction it is made in: whoever comes back in it is who made it. */
  flow: string;
  /** BCP 47, as the page was read. */
  locale?: string | undefined;
}

export class RegistrationService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly passwords: PasswordService,
    private readonly mailboxes: Mailboxes,
    private readonly registrations: Registrations,
    private readonly verification: EmailVerification,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
    /** Where the owner of an account chooses another password. */
    private readonly forgottenAt: (issuer: string) => string,
  ) {}

  /**
   * The same statements, hash and answer whether or not the address has an account; its owner learns of it by mail, nobody else does.
   * Of two at once for one address one makes it.
   * @throws AppError 403 where people cannot register, 422 for an address, a name or a password that cannot be chosen, 429, 503 without room to hash.
   */
  async register({ email, password, name, flow, locale }: NewAccount): Promise<void> {
    const tenant = await this.tenants.current();
    if (tenant.settings.authentication.registration !== 'open')
      throw forbidden('registration_closed', 'Accounts are made by an administrator here');
    const address = EmailAddress.safeParse(email);
    if (!address.success)
      throw invalid('This address cannot be used', [{ pointer: '/email', message: 'is not an e-mail address' }]);
    const claims = StandardClaims.safeParse({ ...(name ? { name } : {}), ...(locale ? { locale } : {}) });
    if (!claims.success) throw invalid('This name cannot be used', [{ pointer: '/name', message: 'is not a name' }]);
    await this.mailboxes.throttle(address.data);
    const write = await this.passwords.prepareFirst(address.data, password);
    await this.db.transaction(async () => {
      const id = newId();
      const normalized = normalizeIdentifier(address.data) ?? '';
      const values = [currentTenantId(), id, address.data, normalized, claims.data, this.clock.now()];
      const created = (await this.db.execute(CREATE, values)).length > 0;
      const { user, to } = await this.mailboxes.addressee(address.data);
      await write(id);
      await this.registrations.remember(id, flow);
      const link = await this.verification.issue(created ? id : newId(), normalized, flow);
      if (created) await this.audit.record('user.created', { user_id: id });
      else await this.audit.record('registration.repeated', { user_id: user?.id ?? id });
      if (created) await this.mail.send('verify_email', to, link, locale);
      else {
        const owner = { link: this.forgottenAt(this.tenants.issuerOf(tenant)) };
        await this.mail.send('registration_existing', to, owner, user?.claims.locale);
      }
    });
  }
}

const CREATE = {
  name: 'registration_create',
  text: `
    INSERT INTO users (tenant_id, id, email, email_normalized, claims, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    ON CONFLICT (tenant_id, email_normalized) DO NOTHING
    RETURNING id`,
};
