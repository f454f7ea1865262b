// What an invitation offers, measured by the hierarchy of the organization: nobody invites anybody above themselves. Asked when it is made, sent
// again or taken back; whoever accepts it is not asked for the inviter's standing then.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { type CustomRole, type Holding, mayTouch, type Role, refusalOfChange } from '../organizations/hierarchy.js';
import type { Organization } from '../organizations/organization.entity.js';
import { assertTeams, customRoles, permissionsUpTo } from '../organizations/organization-rows.js';
import { assertMay, type Standings } from '../organizations/standing.js';
import type { Invitation } from './invitation.entity.js';

export interface Offer {
  role: Role;
  /** Ids of custom roles. */
  roles: readonly string[];
  permissions: readonly string[];
  /** Ids. */
  teams: readonly string[];
}

/** Nobody has it: whoever is invited has nothing there yet. */
const SOMEBODY_NEW = '';

export class InvitationOffers {
  constructor(
    private readonly db: Database,
    private readonly standings: Standings,
  ) {}

  /** @throws AppError 403 by the hierarchy, 422 for roles and teams that the organization does not have. */
  async assertMayGive(organization: Organization, { role, roles, permissions, teams }: Offer): Promise<void> {
    const standing = await this.standings.atLeast('admin', organization);
    const after: Holding = { role, roles: await customRoles(this.db, organization.id, roles), permissions };
    await assertTeams(this.db, organization.id, teams);
    const grantable =
      standing.permissions === 'all'
        ? standing.permissions
        : new Set([...standing.permissions, ...(await permissionsUpTo(this.db, organization.id, standing.rank))]);
    assertMay(refusalOfChange(standing, grantable, { userId: SOMEBODY_NEW, after }));
  }

  /** Roles that are gone meanwhile weigh nothing. @throws AppError 403 */
  async assertMayTouch(organization: Organization, { role, roleIds }: Invitation): Promise<void> {
    const standing = await this.standings.atLeast('admin', organization);
    const place = [currentTenantId(), organization.id];
    const roles = await this.db.execute<CustomRole>(KNOWN_ROLES, [...place, roleIds]);
    if (!mayTouch(standing, { role, roles })) assertMay('rank_too_low');
  }
}

const KNOWN_ROLES = {
  name: 'invitation_known_roles',
  text: `
    SELECT id, key, rank, permissions FROM organization_roles
     WHERE tenant_id = $1 AND (organization_id = $2 OR organization_id IS NULL) AND id = ANY ($3::uuid[])`,
};
