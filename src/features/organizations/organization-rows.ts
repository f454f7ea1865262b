// Rows of an organization that are held while something is decided about it. Whoever holds a person as well holds the person first, as everything
// does that ends something of theirs.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict, type Issue, invalid, notFound } from '../../platform/errors.js';
import type { CustomRole } from './hierarchy.js';
import { Organization } from './organization.entity.js';

/**
 * As it is now. `joining`: it stays, and stays as it is, and many may join at once. `changing`: one change of it or of its members after the other,
 * so that of two owners who remove each other at once one is the last. @throws AppError 404
 */
export async function lockedOrganization(
  db: Database,
  { id }: Pick<Organization, 'id'>,
  purpose: 'joining' | 'changing',
): Promise<Organization> {
  const row = db.repo(Organization).query('o').andWhere('o.id = :id', { id });
  const lock = purpose === 'joining' ? 'pessimistic_read' : 'for_no_key_update';
  const organization = await row.setLock(lock).getOne();
  if (!organization) throw notFound('organization');
  return organization;
}

/** Of those that may come in, whether they are the only owner. Within a lock for changing. */
export async function isLastOwner(db: Database, organizationId: string, userId: string): Promise<boolean> {
  const owners = await db.execute<{ user_id: string }>(ACTIVE_OWNERS, [currentTenantId(), organizationId]);
  return owners.length === 1 && owners[0]?.user_id === userId;
}

/** In the order they were asked for; none of them goes meanwhile. @throws AppError 422 for those that this organization does not have. */
export async function customRoles(
  db: Database,
  organizationId: string,
  ids: readonly string[],
  member = 'roles',
): Promise<CustomRole[]> {
  if (ids.length === 0) return [];
  const rows = await db.execute<CustomRole>(CUSTOM_ROLES, [currentTenantId(), organizationId, ids]);
  return found(rows, ids, { member, noun: 'custom role' });
}

/** @throws AppError 422 for teams that are not of this organization. */
export async function assertTeams(db: Database, organizationId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const rows = await db.execute<{ id: string }>(TEAMS, [currentTenantId(), organizationId, ids]);
  found(rows, ids, { member: 'teams', noun: 'team' });
}

/** What custom roles up to this rank carry. */
export async function permissionsUpTo(db: Database, organizationId: string, rank: number): Promise<string[]> {
  const rows = await db.execute<{ permission: string }>(CARRIED, [currentTenantId(), organizationId, rank]);
  return rows.map(({ permission }) => permission);
}

export const tooManyPermissions = (detail: string) => conflict('too_many_permissions', detail);

function found<T extends { id: string }>(
  rows: readonly T[],
  ids: readonly string[],
  { member, noun }: { member: string; noun: string },
): T[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const issues = ids.flatMap((id, index): Issue[] =>
    byId.has(id) ? [] : [{ pointer: `/${member}/${index}`, message: `must be a ${noun} of this organization` }],
  );
  if (issues.length > 0) throw invalid('The body is not valid', issues);
  return ids.flatMap((id) => byId.get(id) ?? []);
}

const ACTIVE_OWNERS = {
  name: 'organization_active_owners',
  text: `
    SELECT m.user_id FROM memberships m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
     WHERE m.tenant_id = $1 AND m.organization_id = $2 AND m.role = 'owner' AND m.suspended_at IS NULL
       AND u.disabled_at IS NULL AND u.deletion_at IS NULL LIMIT 2`,
};

const CUSTOM_ROLES = {
  name: 'organization_custom_roles',
  text: `
    SELECT id, key, rank, permissions FROM organization_roles
     WHERE tenant_id = $1 AND (organization_id = $2 OR organization_id IS NULL) AND id = ANY ($3::uuid[])
     ORDER BY id FOR KEY SHARE`,
};

const TEAMS = {
  name: 'organization_teams_named',
  text: `SELECT id FROM teams WHERE tenant_id = $1 AND organization_id = $2 AND id = ANY ($3::uuid[]) ORDER BY id FOR KEY SHARE`,
};

const CARRIED = {
  name: 'organization_permissions_carried',
  text: `
    SELECT DISTINCT unnest(permissions) AS permission FROM organization_roles
     WHERE tenant_id = $1 AND (organization_id = $2 OR organization_id IS NULL) AND rank <= $3`,
};
