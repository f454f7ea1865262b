// Owns the beginning: who administers a tenant that nobody administers yet, once, by a link or from the environment.
// Hands off to: users, passwords and clients for what is made; the page /setup and the start of the process call it.
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { badRequest, conflict, invalid } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { ClientService } from '../clients/client.service.js';
import type { PasswordService } from '../credentials/password.service.js';
import type { OneTimeTokens } from '../one-time-tokens/one-time-token.service.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { EmailAddress } from '../users/identifier.js';
import { ADMIN, User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';

/** One link at a time: the subject of every token of the purpose `setup`. */
const SUBJECT = 'administrator';

export interface FirstAdministrator {
  email: string;
  password: string;
}

export interface CompletedSetup {
  user: User;
  clientId: string;
  /** Shown this once. */
  clientSecret: string;
}

export class SetupService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly passwords: PasswordService,
    private readonly clients: ClientService,
    private readonly oneTimeTokens: OneTimeTokens,
    /** Everything the management API of a tenant can be asked for: what its first client may do. */
    private readonly scopesOf: (tenant: Tenant) => readonly string[],
    /** @throws AppError 403 where the caller has less. */
    private readonly mayGrant: (scopes: readonly string[]) => void,
  ) {}

  /** Nobody administers the tenant. Whoever is disabled counts: disabling them does not open the door again. */
  async needed(): Promise<boolean> {
    const administrators = this.db.repo(User).query('u').andWhere(':role = ANY(u.roles)', { role: ADMIN });
    return !(await administrators.getExists());
  }

  /** Good for 30 minutes; an older link dies. @throws AppError 409 where there is an administrator already. */
  async issueLink(issuer: string): Promise<string> {
    if (!(await this.needed())) throw conflict('setup_completed', 'There is an administrator already');
    const token = await this.oneTimeTokens.issue('setup', SUBJECT, { data: {} });
    return `${issuer}/setup?token=${token}`;
  }

  /**
   * The same for another tenant than the one of the context. Whoever makes tenants appoints who administers them, not who administers the
   * installation: that takes all that the link gives.
   * @throws AppError 409 also where the tenant does not answer, 403.
   */
  async issueLinkFor(tenant: Tenant): Promise<string> {
    if (tenant.state !== 'active') throw conflict(`tenant_${tenant.state}`, 'This tenant does not answer');
    if (tenant.isDefault) this.mayGrant(this.scopesOf(tenant));
    return this.db.transaction(async () => {
      const link = await withContext({ tenantId: tenant.id }, () => this.issueLink(this.tenants.issuerOf(tenant)));
      const { id: tenantId } = await this.tenants.ensureDefault();
      await withContext({ tenantId }, () =>
        this.audit.record('tenant.setup_link_issued', { tenant_id: tenant.id, slug: tenant.slug }),
      );
      return link;
    });
  }

  /** Looks without using the link up. Unknown, used, expired, of another tenant or no longer needed: all false. */
  async accepts(token: string): Promise<boolean> {
    return (await this.oneTimeTokens.peek('setup', token)) !== undefined && (await this.needed());
  }

  /**
   * Uses the link up; what is refused leaves it as it was.
   * @throws AppError 400 `link_expired`, 409 `email_taken`, 422 that names /email or /password, 503 where there is no room to hash.
   */
  async complete(token: string, administrator: FirstAdministrator): Promise<CompletedSetup> {
    if (!(await this.accepts(token))) throw expired();
    const create = await this.prepare(administrator, { mustChange: false });
    return this.alone(async () => {
      if (!(await this.oneTimeTokens.consume('setup', token)) || !(await this.needed())) throw expired();
      const user = await create();
      const { client, secret } = await this.clients.create({
        client_name: 'Administration',
        grant_types: ['client_credentials'],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_basic',
        scope: this.scopesOf(await this.tenants.current()).join(' '),
      });
      if (!secret) throw new Error('a client with client_secret_basic was made without a secret');
      return { user, clientId: client.clientId, clientSecret: secret };
    });
  }

  /**
   * Whoever configures the server knows this password, so it is replaced at the first sign-in.
   * @returns undefined where there is an administrator already: every later start does nothing.
   * @throws AppError as complete() does.
   */
  async createFromEnvironment(email: string, password: string): Promise<User | undefined> {
    if (!(await this.needed())) return undefined;
    const create = await this.prepare({ email, password }, { mustChange: true });
    return this.alone(async () => {
      if (!(await this.needed())) return undefined;
      await this.oneTimeTokens.revoke('setup', SUBJECT);
      return create();
    });
  }

  /** Checks and hashes before the transaction. @returns what makes the administrator, to be called inside it. */
  private async prepare({ email, password }: FirstAdministrator, options: { mustChange: boolean }) {
    const address = EmailAddress.safeParse(email);
    if (!address.success)
      throw invalid('The e-mail address cannot be used', [{ pointer: '/email', message: 'must be an e-mail address' }]);
    // The row gets its id inside the transaction; until then the password only needs to know the address.
    const user = Object.assign(new User(), { email: address.data });
    const setPassword = await this.passwords.prepare(user, password, options);
    return async (): Promise<User> => {
      if (await this.users.findByEmail(user.email))
        throw conflict('email_taken', 'There is a user with this e-mail address already');
      Object.assign(user, await this.users.create({ email: user.email, email_verified: true }, [ADMIN]));
      await setPassword();
      await this.audit.record('setup.completed', { user_id: user.id });
      return user;
    };
  }

  /** One after the other, in all processes: who comes second sees the administrator of the first. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    return withContext({ actor: { type: 'system', id: 'setup' } }, () =>
      this.db.transaction(async () => {
        await this.db.execute(LOCK, [currentTenantId()]);
        return work();
      }),
    );
  }
}

const expired = () => badRequest('link_expired', 'This link does not work any more');

// NO KEY: rows that refer to the tenant can be written meanwhile.
const LOCK = { name: 'setup_lock', text: 'SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE' };
