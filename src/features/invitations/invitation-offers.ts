// What an invitation offers, measured by the hierarchy of the organization: nobody invites anybody above themselves. Asked when it is made, sent
// again or taken back, and of whoever made it once more when it is accepted: what they may not give any more is not given.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import {
  type CustomRole,
  type Holding,
  isAtLeast,
  mayTouch,
  type Refusal,
  type Role,
  refusalOfChange,
  type Standing,
  standingOf,
} from '../organizations/hierarchy.js';
import { holdingIn } from '../organizations/membership.queries.js';
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
    assertMay(await this.refusalOf(standing, organization, after));
  }

  /** Whether whoever invited, where that is a person, might still do so. Within a lock of the organization. */
  async stillStands(organization: Organization, invitation: Invitation): Promise<boolean> {
    const { invitedBy, role, roleIds, permissions } = invitation;
    if (!invitedBy) return true;
    const holding = await holdingIn(this.db, invitedBy, organization.id);
    if (!holding || !isAtLeast(holding.role, 'admin')) return false;
    const after: Holding = { role, roles: await this.knownRoles(organization, roleIds), permissions };
    return (await this.refusalOf(standingOf(invitedBy, holding), organization, after)) === undefined;
  }

  /** Roles that are gone meanwhile weigh nothing. @throws AppError 403 */
  async assertMayTouch(organization: Organization, { role, roleIds }: Invitation): Promise<void> {
    const standing = await this.standings.atLeast('admin', organization);
    const roles = await this.knownRoles(organization, roleIds);
    if (!mayTouch(standing, { role, roles })) assertMay('rank_too_low');
  }

  private knownRoles({ id }: Organization, roleIds: readonly string[]): Promise<CustomRole[]> {
    return this.db.execute<CustomRole>(KNOWN_ROLES, [currentTenantId(), id, roleIds]);
  }

  private async refusalOf(standing: Standing, { id }: Organization, after: Holding): Promise<Refusal | undefined> {
    const { permissions } = standing;
    const grantable =
      permissions === 'all'
        ? permissions
        : new Set([...permissions, ...(await permissionsUpTo(this.db, id, standing.rank))]);
    return refusalOfChange(standing, grantable, { userId: SOMEBODY_NEW, after });
  }
}

const KNOWN_ROLES = {
  name: 'invitation_known_roles',
  text: `
    SELECT id, key, rank, permissions FROM organization_roles
     WHERE tenant_id = $1 AND (organization_id = $2 OR organization_id IS NULL) AND id = ANY ($3::uuid[])`,
};
