// Owns what somebody is in the organization of a connection because its identity provider says so: a member, roles and teams by their groups, and what
// becomes of that when they are in none of the groups any more. Hands off to: MembershipService and Teams, by whose rules all of it happens.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { Membership } from '../organizations/membership.entity.js';
import type { MembershipService } from '../organizations/membership.service.js';
import { isLastOwner, lockedOrganization } from '../organizations/organization-rows.js';
import type { Teams } from '../organizations/teams.js';
import type { Connection } from './connection.entity.js';
import type { Given } from './identity.entity.js';
import { changesOf, type Has, isNothing, type Wanted, wantedBy } from './provisioning-rules.js';

export interface Provisioned {
  given: Given;
  /** What became of it, in a word; undefined: nothing. */
  change?: 'joined' | 'changed' | 'resumed' | undefined;
}

/** Why they are suspended, for whoever reads the list of members. */
const REASON = 'Not in a group that the identity provider lets in';

export class ProvisionedMembership {
  constructor(
    private readonly db: Database,
    private readonly memberships: Pick<MembershipService, 'add' | 'change' | 'remove' | 'suspend' | 'resume'>,
    private readonly teams: Pick<Teams, 'join' | 'leave'>,
  ) {}

  /** Before somebody is made or proves an address, who may join by other rules then: one after the other, so that nobody waits for another in a circle. */
  async hold({ organizationId: id }: Connection): Promise<void> {
    if (id !== null) await lockedOrganization(this.db, { id }, 'changing');
  }

  /** In the transaction of a sign-in, with the person held. @param given what the connection has given them so far. */
  async follow(connection: Connection, userId: string, groups: readonly string[], given: Given): Promise<Provisioned> {
    const id = connection.organizationId;
    if (id === null) return { given };
    const wanted = await this.known(id, wantedBy(connection.settings.provisioning, groups));
    const before = await this.find(id, userId);
    // Most come back as they went: nothing of the organization is held for them.
    if (before && !before.suspendedAt && isNothing(before, changesOf(before, wanted, given)))
      return { given: { ...changesOf(before, wanted, given).given, member: true } };
    await lockedOrganization(this.db, { id }, 'changing');
    const has = await this.find(id, userId);
    return has ? this.change({ id }, userId, has, wanted, given) : this.join({ id }, userId, wanted, given, connection);
  }

  /** Somebody is in no group any more that may come in: as the connection says. @returns what it has given them still. */
  async lapse(connection: Connection, userId: string, given: Given): Promise<Given> {
    const { deprovision } = connection.settings.provisioning;
    const id = connection.organizationId;
    if (id === null || deprovision === 'keep') return given;
    await lockedOrganization(this.db, { id }, 'changing');
    const has = await this.find(id, userId);
    if (!has || (has.role === 'owner' && (await isLastOwner(this.db, id, userId)))) return given;
    if (deprovision === 'remove') {
      await this.memberships.remove({ id }, userId);
      return {};
    }
    if (has.suspendedAt) return given;
    await this.memberships.suspend({ id }, userId, REASON);
    return { ...given, suspended: true };
  }

  private async join(
    organization: { id: string },
    userId: string,
    { role, roles, teams }: Wanted,
    given: Given,
    { id: by }: Connection,
  ): Promise<Provisioned> {
    // Whoever was taken out by somebody here does not come back by themselves, nor by letting the identity go and being linked anew.
    if (role === null || given.member || (await this.hasLeft(organization.id, userId))) return { given };
    await this.memberships.add(organization, { user_id: userId, role, roles, teams }, { kind: 'connection', by });
    return { given: { member: true, admin: role === 'admin', roles, teams }, change: 'joined' };
  }

  private async change(
    organization: { id: string },
    userId: string,
    has: Has & { suspendedAt: Date | null },
    wanted: Wanted,
    given: Given,
  ): Promise<Provisioned> {
    const changes = changesOf(has, wanted, given);
    const resumes = has.suspendedAt !== null && given.suspended === true;
    if (resumes) await this.memberships.resume(organization, userId);
    if (!isNothing(has, changes)) {
      const { role, roles } = changes;
      await this.memberships.change(organization, userId, { role, roles });
      for (const team of changes.joins) await this.teams.join(organization, team, userId);
      for (const team of changes.leaves) await this.teams.leave(organization, team, userId);
    }
    const { suspended, ...rest } = { ...changes.given, member: true };
    return {
      given: suspended && !resumes ? { ...rest, suspended } : rest,
      change: resumes ? 'resumed' : isNothing(has, changes) ? undefined : 'changed',
    };
  }

  /** They have, or somebody has taken them out; not because no group of theirs let them in any more. */
  private async hasLeft(organizationId: string, userId: string): Promise<boolean> {
    const key = [currentTenantId(), organizationId, userId];
    const [last] = await this.db.execute<{ left: boolean }>(LAST_MOVE, key);
    return last?.left ?? false;
  }

  private async find(
    organizationId: string,
    userId: string,
  ): Promise<(Has & { suspendedAt: Date | null }) | undefined> {
    const membership = await this.db.repo(Membership).findOneBy({ organizationId, userId });
    if (!membership) return undefined;
    const key = [currentTenantId(), organizationId, userId];
    const [held] = await this.db.execute<{ roles: string[]; teams: string[] }>(HELD, key);
    const { role, suspendedAt } = membership;
    return { role, suspendedAt, roles: held?.roles ?? [], teams: held?.teams ?? [] };
  }

  /** Settings outlive roles and teams. */
  private async known(organizationId: string, { role, roles, teams }: Wanted): Promise<Wanted> {
    if (roles.length + teams.length === 0) return { role, roles, teams };
    const values = [currentTenantId(), organizationId, roles, teams];
    const [found] = await this.db.execute<{ roles: string[]; teams: string[] }>(KNOWN, values);
    return { role, roles: found?.roles ?? [], teams: found?.teams ?? [] };
  }
}

const HELD = {
  name: 'provisioned_membership_held',
  text: `
    SELECT ARRAY(SELECT role_id::text FROM membership_roles WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3 ORDER BY 1) AS roles,
           ARRAY(SELECT team_id::text FROM team_members WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3 ORDER BY 1) AS teams`,
};

const LAST_MOVE = {
  name: 'provisioned_membership_last_move',
  text: `
    SELECT kind <> 'joined' AND coalesce(actor_id, '') NOT LIKE 'connection:%' AS left FROM membership_events
     WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3 AND kind IN ('joined', 'left', 'removed')
     ORDER BY id DESC LIMIT 1`,
};

const KNOWN = {
  name: 'provisioned_membership_known',
  text: `
    SELECT ARRAY(SELECT id::text FROM organization_roles
                  WHERE tenant_id = $1 AND (organization_id = $2 OR organization_id IS NULL) AND id = ANY ($3::uuid[]) ORDER BY id) AS roles,
           ARRAY(SELECT id::text FROM teams WHERE tenant_id = $1 AND organization_id = $2 AND id = ANY ($4::uuid[]) ORDER BY id) AS teams`,
};
