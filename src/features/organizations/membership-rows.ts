// The statements of one membership, below MembershipService.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { notFound, preconditionFailed } from '../../platform/errors.js';
import type { CustomRole, Holding } from './hierarchy.js';
import { Membership } from './membership.entity.js';

/** What somebody has now, suspended or not; within a lock of the organization. @throws AppError 404, or 412 where it is another version. */
export async function heldMembership(
  db: Database,
  organizationId: string,
  userId: string,
  ifMatch?: number,
): Promise<{ membership: Membership; holding: Holding }> {
  const row = db.repo(Membership).query('m').andWhere('m.organization_id = :organizationId', { organizationId });
  const membership = await row.andWhere('m.user_id = :userId', { userId }).setLock('for_no_key_update').getOne();
  if (!membership) throw notFound('member');
  if (ifMatch !== undefined && ifMatch !== membership.version) throw preconditionFailed('The member has changed since');
  const roles = await db.execute<CustomRole>(ROLES_HELD, [currentTenantId(), organizationId, userId]);
  return { membership, holding: { role: membership.role, roles, permissions: membership.permissions } };
}

/** @returns false where they are a member already. */
export async function insertMembership(
  db: Database,
  membership: Membership,
  roles: readonly string[],
  teams: readonly string[],
): Promise<boolean> {
  const { organizationId, userId, role, permissions, joinedAt } = membership;
  const key = [currentTenantId(), organizationId, userId];
  const rows = await db.execute(INSERT, [...key, role, permissions, joinedAt]);
  if (rows.length === 0) return false;
  if (roles.length > 0) await db.execute(INSERT_ROLES, [...key, roles]);
  if (teams.length > 0) await db.execute(INSERT_TEAMS, [...key, teams]);
  return true;
}

export async function replaceRoles(
  db: Database,
  { organizationId, userId }: Membership,
  roles: readonly string[],
): Promise<void> {
  const key = [currentTenantId(), organizationId, userId];
  await db.execute(DELETE_ROLES, [...key, roles]);
  if (roles.length > 0) await db.execute(INSERT_ROLES, [...key, roles]);
}

const ROLES_HELD = {
  name: 'membership_roles_held',
  text: `
    SELECT r.id, r.key, r.rank, r.permissions
      FROM membership_roles mr JOIN organization_roles r ON r.tenant_id = mr.tenant_id AND r.id = mr.role_id
     WHERE mr.tenant_id = $1 AND mr.organization_id = $2 AND mr.user_id = $3 ORDER BY r.rank DESC, r.key`,
};

const INSERT = {
  name: 'membership_insert',
  text: `
    INSERT INTO memberships (tenant_id, organization_id, user_id, role, permissions, joined_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING RETURNING 1`,
};

const INSERT_ROLES = {
  name: 'membership_roles_insert',
  text: `
    INSERT INTO membership_roles (tenant_id, organization_id, user_id, role_id)
    SELECT $1, $2, $3, unnest($4::uuid[]) ON CONFLICT DO NOTHING`,
};

const INSERT_TEAMS = {
  name: 'membership_teams_insert',
  text: `
    INSERT INTO team_members (tenant_id, organization_id, user_id, team_id)
    SELECT $1, $2, $3, unnest($4::uuid[]) ON CONFLICT DO NOTHING`,
};

const DELETE_ROLES = {
  name: 'membership_roles_delete',
  text: `
    DELETE FROM membership_roles
     WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3 AND NOT (role_id = ANY ($4::uuid[]))`,
};
