// What is read of memberships: by the one who has them, for tokens and standings, and of an organization, as lists.
import { z } from 'zod';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { type CustomRole, type Holding, permissionsOf, type Role } from './hierarchy.js';
import type { MemberQuery } from './membership.schema.js';
import { type FullSettings, readOrganizationSettings, type StoredSettings } from './organization-settings.js';

/** What tokens say of a membership that holds. */
export interface MembershipClaims {
  organization: { id: string; slug: string; name: string; settings: FullSettings };
  role: Role;
  /** The role that everybody has, then the keys of custom ones. */
  roles: string[];
  permissions: string[];
  /** Slugs. */
  teams: string[];
  joined_at: Date;
  last_used_at: Date | null;
}

/** Everything that holds: neither suspended nor of a suspended organization, and the account is open. In the order of the slugs. */
export async function membershipsOf(db: Database, userId: string): Promise<MembershipClaims[]> {
  return (await db.execute<Row>(OF_USER, [currentTenantId(), userId])).map(claimsOf);
}

/** @param organization id or slug. @returns undefined for whoever is not a member, or no longer: all alike. */
export async function membershipIn(
  db: Database,
  userId: string,
  organization: string,
): Promise<MembershipClaims | undefined> {
  const row = await heldIn(db, userId, organization);
  return row && claimsOf(row);
}

/** As membershipIn, in the words of the hierarchy. */
export async function holdingIn(db: Database, userId: string, organization: string): Promise<Holding | undefined> {
  return heldIn(db, userId, organization);
}

async function heldIn(db: Database, userId: string, organization: string): Promise<Row | undefined> {
  const id = z.uuid().safeParse(organization).success ? organization : null;
  return (await db.execute<Row>(IN_ORGANIZATION, [currentTenantId(), userId, id, organization]))[0];
}

interface Row {
  id: string;
  slug: string;
  name: string;
  settings: StoredSettings;
  role: Role;
  permissions: string[];
  roles: CustomRole[];
  teams: string[];
  joined_at: Date;
  last_used_at: Date | null;
}

const claimsOf = ({
  id,
  slug,
  name,
  settings,
  role,
  roles,
  permissions,
  teams,
  joined_at,
  last_used_at,
}: Row): MembershipClaims => ({
  organization: { id, slug, name, settings: readOrganizationSettings(settings) },
  role,
  roles: [role, ...roles.map(({ key }) => key)],
  permissions: permissionsOf({ roles, permissions }),
  teams,
  joined_at,
  last_used_at,
});

/** Highest first. */
const ROLES_OF_M = `
  COALESCE((SELECT jsonb_agg(jsonb_build_object('id', r.id, 'key', r.key, 'rank', r.rank, 'permissions', r.permissions)
                             ORDER BY r.rank DESC, r.key)
     FROM membership_roles mr JOIN organization_roles r ON r.tenant_id = mr.tenant_id AND r.id = mr.role_id
    WHERE mr.tenant_id = m.tenant_id AND mr.organization_id = m.organization_id AND mr.user_id = m.user_id), '[]') AS roles`;

const HELD = `
  SELECT o.id, o.slug, o.name, o.settings, m.role, m.permissions, m.joined_at, m.last_used_at, ${ROLES_OF_M},
         ARRAY(SELECT t.slug FROM team_members tm JOIN teams t ON t.tenant_id = tm.tenant_id AND t.id = tm.team_id
                WHERE tm.tenant_id = m.tenant_id AND tm.organization_id = m.organization_id AND tm.user_id = m.user_id
                ORDER BY t.slug) AS teams
    FROM memberships m
    JOIN organizations o ON o.tenant_id = m.tenant_id AND o.id = m.organization_id
    JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
   WHERE m.tenant_id = $1 AND m.user_id = $2 AND m.suspended_at IS NULL AND o.suspended_at IS NULL
     AND u.disabled_at IS NULL AND u.deletion_at IS NULL`;

const OF_USER: Statement = { name: 'memberships_of_user', text: `${HELD} ORDER BY o.slug` };
const IN_ORGANIZATION: Statement = {
  name: 'membership_in_organization',
  text: `${HELD} AND (o.id = $3::uuid OR ($3::uuid IS NULL AND o.slug = $4::text))`,
};

/** A member with whatever a list tells of them. */
export interface MemberRow {
  user_id: string;
  email: string;
  display_name: string | null;
  role: Role;
  roles: CustomRole[];
  permissions: string[];
  teams: { id: string; slug: string }[];
  joined_at: Date;
  last_used_at: Date | null;
  suspended_at: Date | null;
  suspension_reason: string | null;
  updated_at: Date;
  version: number;
}

/** Whoever manages the organization sees who is suspended, and why, and who does not come any more; other members do not. */
export const presentMember = (row: MemberRow, { manages }: { manages: boolean }) => ({
  user_id: row.user_id,
  email: row.email,
  name: row.display_name,
  role: row.role,
  roles: row.roles.map(({ id, key }) => ({ id, key })),
  permissions: row.permissions,
  teams: row.teams,
  joined_at: row.joined_at.toISOString(),
  last_used_at: manages ? (row.last_used_at?.toISOString() ?? null) : null,
  suspended_at: row.suspended_at?.toISOString() ?? null,
  suspension_reason: manages ? row.suspension_reason : null,
  updated_at: row.updated_at.toISOString(),
  version: row.version,
});

/** In the order in which their accounts were made. */
export async function listMembers(
  db: Database,
  organizationId: string,
  query: MemberQuery,
  { manages, teamId = null }: { manages: boolean; teamId?: string | null },
): Promise<Page<MemberRow>> {
  const after = decodeCursor(query.cursor, z.uuid()) ?? null;
  const rows = await db.manager.query(
    `${MEMBERS} AND ($3::uuid IS NULL OR m.user_id > $3) AND ($5 OR (${STANDS})) AND ($6::uuid IS NULL OR ${IN_TEAM})
        AND ($7::text IS NULL OR ${NAMED}) ORDER BY m.user_id LIMIT $4`,
    [currentTenantId(), organizationId, after, query.limit + 1, manages, teamId, query.q ?? null],
  );
  return toPage(rows as MemberRow[], query, (row) => row.user_id);
}

export async function readMember(
  db: Database,
  organizationId: string,
  userId: string,
  { manages }: { manages: boolean },
): Promise<MemberRow | undefined> {
  const rows = await db.manager.query(`${MEMBERS} AND m.user_id = $3 AND ($4 OR (${STANDS}))`, [
    currentTenantId(),
    organizationId,
    userId,
    manages,
  ]);
  return (rows as MemberRow[])[0];
}

/** Whether one of these people is an owner, suspended or not. */
export async function holdsOwner(db: Database, organizationId: string, userIds: readonly string[]): Promise<boolean> {
  return (await db.execute(OWNERS_AMONG, [currentTenantId(), organizationId, userIds])).length > 0;
}

const OWNERS_AMONG: Statement = {
  name: 'organization_owners_among',
  text: `
    SELECT 1 FROM memberships
     WHERE tenant_id = $1 AND organization_id = $2 AND user_id = ANY ($3::uuid[]) AND role = 'owner' LIMIT 1`,
};

const IN_TEAM = `
  EXISTS (SELECT 1 FROM team_members tm
           WHERE tm.tenant_id = m.tenant_id AND tm.organization_id = m.organization_id AND tm.team_id = $6 AND tm.user_id = m.user_id)`;

const NAMED = `(strpos(lower(u.email), lower($7)) > 0 OR strpos(lower(u.claims ->> 'name'), lower($7)) > 0)`;

const STANDS = 'm.suspended_at IS NULL AND u.disabled_at IS NULL AND u.deletion_at IS NULL';

const MEMBERS = `
  SELECT m.user_id, u.email, u.claims ->> 'name' AS display_name, m.role, m.permissions, m.joined_at, m.last_used_at,
         m.suspended_at, m.suspension_reason, m.updated_at, m.version, ${ROLES_OF_M},
         COALESCE((SELECT jsonb_agg(jsonb_build_object('id', t.id, 'slug', t.slug) ORDER BY t.slug)
            FROM team_members tm JOIN teams t ON t.tenant_id = tm.tenant_id AND t.id = tm.team_id
           WHERE tm.tenant_id = m.tenant_id AND tm.organization_id = m.organization_id AND tm.user_id = m.user_id), '[]') AS teams
    FROM memberships m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
   WHERE m.tenant_id = $1 AND m.organization_id = $2`;
