// Owns where people are sent before anything is known of them: by the domain they type, by a button, by a name in the request.
// Nothing here looks at accounts, and every look of a tenant is one statement, whether or not anybody serves the domain; none, where nobody serves any.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { domainOf } from '../domains/domain-name.js';
import type { Cache, Caching } from '../tenants/caching.js';
import type { User } from '../users/user.entity.js';
import { CONNECTION_KEY, Connection } from './connection.entity.js';

/** Published when a connection of the tenant changes; its key is the tenant's id. */
export const CONNECTIONS_TOPIC = 'connections';

export class HomeRealms {
  private readonly shown: Cache<Connection[]>;
  private readonly served: Cache<boolean>;

  constructor(
    private readonly db: Database,
    caching: Pick<Caching, 'cache'>,
  ) {
    this.shown = caching.cache({ max: 1000, topic: CONNECTIONS_TOPIC, load: () => this.loadButtons() });
    this.served = caching.cache({ max: 10_000, topic: CONNECTIONS_TOPIC, load: () => this.loadServed() });
  }

  /** Whether the people of any domain of this tenant are signed in elsewhere. */
  async servesAny(): Promise<boolean> {
    return (await this.served.get(currentTenantId())) === true;
  }

  /** @param identifier as it is stored for look-up: an address, or something else. */
  async of(identifier: string): Promise<Connection | undefined> {
    const found = await this.serving(identifier);
    return found.find(isRequired) ?? found[0];
  }

  /** By one of which people with this address sign in, and by nothing else; none where they may do otherwise. */
  async requiredOf(identifier: string): Promise<Connection[]> {
    const found = await this.serving(identifier);
    return found.some(isRequired) ? found : [];
  }

  /**
   * Whether their address is in a domain whose people sign in by its identity providers alone, and they were shown by none of these.
   * @param by ids of the connections by which they were.
   */
  async isElsewhere(
    { emailNormalized, roles }: Pick<User, 'emailNormalized' | 'roles'>,
    by: readonly (string | undefined)[],
  ): Promise<boolean> {
    const realms = await this.requiredOf(emailNormalized);
    // An organization does not shut out who looks after its tenant.
    if (roles.length > 0 && realms.some(({ organizationId }) => organizationId !== null)) return false;
    return realms.length > 0 && !realms.some(({ id }) => by.includes(id));
  }

  /** Of one owner: who moves from one identity provider to another has two for a while. */
  private async serving(identifier: string): Promise<Connection[]> {
    if (!(await this.servesAny())) return [];
    // As many statements, and the same, for what has no domain.
    const domain = (identifier.includes('@') && domainOf(identifier)) || '';
    const serving = this.enabledOnes().andWhere(IS_DISCOVERED).andWhere(SERVES, { domain });
    const found = await serving
      // Who has proved the domain before who merely names it.
      .orderBy('c.organizationId', 'ASC', 'NULLS LAST')
      .addOrderBy('c.id', 'ASC')
      .limit(20)
      .getMany();
    const ofTenant = found.filter(({ organizationId }) => organizationId === null);
    const ofOrganization = found.filter(({ organizationId }) => organizationId !== null);
    // What the tenant requires stays so: an organization that merely offers its own would turn that into a choice.
    const stays = ofTenant.some(isRequired) && !ofOrganization.some(isRequired);
    return stays || ofOrganization.length === 0 ? ofTenant : ofOrganization;
  }

  /** What the sign-in page shows to everybody, in the order of their names. */
  async buttons(): Promise<readonly Connection[]> {
    return (await this.shown.get(currentTenantId())) ?? [];
  }

  /** @param key from a request. One that nobody has, a disabled one, and one of a suspended organization are alike. */
  async chosen(key: string): Promise<Connection | undefined> {
    // What could be no key is not asked for: some of it no database takes.
    if (!CONNECTION_KEY.test(key)) return undefined;
    return (await this.enabledOnes().andWhere('c.key = :key', { key }).getOne()) ?? undefined;
  }

  private async loadButtons(): Promise<Connection[]> {
    const buttons = this.enabledOnes()
      .andWhere('c.organization_id IS NULL')
      .andWhere(`c.settings -> 'button' = 'true'::jsonb`);
    return buttons.orderBy('c.displayName', 'ASC').addOrderBy('c.id', 'ASC').limit(mostButtons).getMany();
  }

  /** Also those of suspended organizations: nobody says here when they go on. */
  private loadServed(): Promise<boolean> {
    return this.db.repo(Connection).query('c').andWhere('c.enabled_at IS NOT NULL').andWhere(IS_DISCOVERED).getExists();
  }

  private enabledOnes() {
    return this.db.repo(Connection).query('c').andWhere('c.enabled_at IS NOT NULL').andWhere(ORGANIZATION_IS_ACTIVE);
  }
}

export const isRequired = ({ settings }: Pick<Connection, 'settings'>): boolean => settings.discovery === 'required';

const mostButtons = 20;

const IS_DISCOVERED = `coalesce(c.settings ->> 'discovery', 'offered') <> 'off'`;

const ORGANIZATION_IS_ACTIVE = `
  c.organization_id IS NULL OR EXISTS (
    SELECT FROM organizations o WHERE o.tenant_id = c.tenant_id AND o.id = c.organization_id AND o.suspended_at IS NULL)`;

const SERVES = `
  CASE WHEN c.organization_id IS NULL THEN jsonb_exists(coalesce(c.settings -> 'domains', '[]'), :domain)
  ELSE c.organization_id IN (
    SELECT d.organization_id FROM organization_domains d
     WHERE d.tenant_id = c.tenant_id AND d.domain = :domain AND d.verified_at IS NOT NULL) END`;
