// Who may say what of a connection. One of an organization is its owners' business: whoever says which identity provider speaks for it decides who
// is who there, owners too. What the tenant alone answers for is not theirs.
import { isDeepStrictEqual } from 'node:util';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, invalid } from '../../platform/errors.js';
import type { Organization } from '../organizations/organization.entity.js';
import { assertTeams, customRoles, lockedOrganization } from '../organizations/organization-rows.js';
import { askingPerson, type Standings } from '../organizations/standing.js';
import { Connection } from './connection.entity.js';

/** The tenant itself where it is null. */
export type Owner = Organization | null;

const most = { organization: 10, tenant: 100 };

export class ConnectionAdmission {
  constructor(
    private readonly db: Database,
    private readonly standings: Pick<Standings, 'atLeast'>,
  ) {}

  /** In a transaction: the organization stays as it is, and one changes it after the other. @throws AppError 404, 403 */
  async assertMay(owner: Owner): Promise<void> {
    if (!owner) return;
    if (this.db.inTransaction) await lockedOrganization(this.db, owner, 'changing');
    await this.standings.atLeast('owner', owner);
  }

  /** Within the transaction of the change. @throws AppError 403, 409 for a key that is taken, 422 for one that is not theirs, roles and teams that are not there. */
  async admit(owner: Owner, connection: Connection, before?: Connection): Promise<void> {
    const { trust, provisioning } = connection.settings;
    // It would do without a second factor what the tenant asks one for.
    if (trust.mfa && !before?.settings.trust.mfa && askingPerson())
      throw forbidden('tenant_only', 'Only the tenant says whose second factor counts');
    // Trusted is what that provider means by it, as it was: another one, or other words for it, would have to be trusted anew.
    if (trust.mfa && before && !isSameProvider(connection, before) && askingPerson())
      throw forbidden(
        'tenant_only',
        'The tenant trusts this provider’s second factor: turn trust.mfa off to change it',
      );
    if (owner && connection.key !== before?.key && askingPerson()) assertOwnName(connection, owner);
    await this.assertFree(connection);
    if (!owner) return;
    const { roles, groups } = provisioning;
    const named = [...roles, ...groups.flatMap((group) => group.roles ?? [])];
    await customRoles(this.db, owner.id, [...new Set(named)], 'settings/provisioning/roles');
    await assertTeams(this.db, owner.id, [...new Set(groups.flatMap(({ teams }) => teams ?? []))]);
  }

  /** One after the other, so that the count holds. @throws AppError 409 */
  async assertRoom({ organizationId }: Connection): Promise<void> {
    if (!organizationId) await this.db.execute(LOCK_TENANT, [currentTenantId()]);
    const connections = this.db.repo(Connection).query('c');
    if (organizationId) connections.andWhere('c.organization_id = :organizationId', { organizationId });
    else connections.andWhere('c.organization_id IS NULL');
    const limit = organizationId ? most.organization : most.tenant;
    if ((await connections.getCount()) >= limit)
      throw conflict('too_many_connections', `There are at most ${limit} connections`);
  }

  /** Kindly; of two at once the constraint has the last word. */
  private async assertFree({ id, key }: Connection): Promise<void> {
    const others = this.db.repo(Connection).query('c').andWhere('c.key = :key', { key });
    if (await others.andWhere('c.id <> :id', { id }).getExists())
      throw conflict('key_taken', 'Another connection has this key');
  }
}

/** What is said of it, whole: keys, addresses, and what counts as a second factor are all by which it is believed. */
const isSameProvider = (one: Connection, other: Connection): boolean =>
  isDeepStrictEqual(one.storedSettings[one.kind], other.storedSettings[other.kind]);

/** Requests name a connection by its key alone: no organization takes the name that the tenant, or another one, goes by, nor asks who has which. */
function assertOwnName({ key }: Connection, { slug }: Organization): void {
  const start = `${slug.slice(0, 40)}-`;
  if (!key.startsWith(start) || key === start)
    throw invalid('The connection cannot have this key', [{ pointer: '/key', message: `must begin with ${start}` }]);
}

const LOCK_TENANT = { name: 'connections_lock_tenant', text: 'SELECT 1 FROM tenants WHERE id = $1 FOR NO KEY UPDATE' };
