// Owns the roles beside owner, admin and member: those of one organization, and those that the tenant gives to every one of them.
import { IsNull } from 'typeorm';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { AppError, conflict, forbidden, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import {
  type CustomRole,
  MOST_CARRIED,
  type Role,
  rankOf,
  refusalOfRole,
  type Standing,
  TENANT,
  takesFrom,
} from './hierarchy.js';
import type { Organization } from './organization.entity.js';
import type { OrganizationHooks } from './organization-hooks.js';
import { OrganizationRole } from './organization-role.entity.js';
import type { CreateRole, UpdateRole } from './organization-role.schema.js';
import { lockedOrganization, permissionsUpTo, tooManyPermissions } from './organization-rows.js';
import { assertMay, type Standings } from './standing.js';

/** Of one organization, and of the tenant for all of them. */
const MOST_ROLES = 100;

/** null: the tenant, for every organization it has. */
type Whose = Pick<Organization, 'id'> | null;

export class OrganizationRoles {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly standings: Standings,
    private readonly hooks: Pick<OrganizationHooks, 'offered'>,
  ) {}

  /** An organization sees the tenant's too. @throws AppError 404 */
  async find(whose: Whose, id: string): Promise<OrganizationRole> {
    const role = await this.db
      .repo(OrganizationRole)
      .findOneBy([...(whose ? [{ id, organizationId: whose.id }] : []), { id, organizationId: IsNull() }]);
    if (!role) throw notFound('role');
    return role;
  }

  /** @throws AppError 403 by the hierarchy, 409 `role_key_taken` where the organization, or any of them, has one that tokens call so. */
  create(whose: Whose, { key, name, description, rank, permissions = [] }: CreateRole): Promise<OrganizationRole> {
    return this.db.transaction(async () => {
      await this.assertMay(whose, { after: { rank, permissions } });
      // Of two that take one key at once, one is the tenant's.
      await this.db.execute(LOCK, [currentTenantId()]);
      const taken = await this.db.execute(TAKEN, [currentTenantId(), key, whose?.id ?? null]);
      if (taken.length > 0) throw conflict('role_key_taken', 'There is a role with this key already');
      const [there] = await this.db.execute<{ roles: number }>(COUNT, [currentTenantId(), whose?.id ?? null]);
      if ((there?.roles ?? 0) >= MOST_ROLES)
        throw conflict('too_many_roles', 'There are as many roles as there may be');
      const now = this.clock.now();
      const role = await this.db.repo(OrganizationRole).insert(
        Object.assign(new OrganizationRole(), {
          id: newId(),
          organizationId: whose?.id ?? null,
          key,
          name,
          description: description ?? null,
          rank,
          permissions,
          createdAt: now,
          updatedAt: now,
        }),
      );
      await this.audit.record('organization_role.created', { ...named(role), key });
      return role;
    });
  }

  /** Tokens say it from the next on. @param ifMatch the version the caller saw. */
  update(whose: Whose, id: string, patch: UpdateRole, ifMatch?: number): Promise<OrganizationRole> {
    return this.db.transaction(async () => {
      const standing = await this.standing(whose);
      const role = await this.locked(whose, id, ifMatch);
      const before = { ...role };
      if (patch.name) role.name = patch.name;
      if (patch.description !== undefined) role.description = patch.description;
      if (patch.rank) role.rank = patch.rank;
      if (patch.permissions !== undefined) role.permissions = patch.permissions ?? [];
      assertMay(refusalOfRole(standing, await this.grantable(whose, standing), { before, after: role }));
      if (takesFrom(before, role)) await this.assertNobodyAbove(standing, id);
      if (JSON.stringify(before) === JSON.stringify(role)) return role;
      role.version += 1;
      role.updatedAt = this.clock.now();
      await this.db.repo(OrganizationRole).save(role);
      if (role.permissions.some((one) => !before.permissions.includes(one))) await this.assertCarried(id);
      await this.audit.record('organization_role.updated', { ...named(role), changed: Object.keys(patch) });
      return role;
    });
  }

  /** @throws AppError 409 `role_in_use` with the number of members who have it, and of those to whom it is offered. */
  delete(whose: Whose, id: string, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const standing = await this.standing(whose);
      const role = await this.locked(whose, id, ifMatch);
      if (role.rank > standing.rank) assertMay('rank_too_low');
      const [used] = await this.db.execute<{ members: number }>(MEMBERS, [currentTenantId(), id]);
      const members = used?.members ?? 0;
      if (members > 0)
        throw new AppError(409, 'role_in_use', `${members} members have this role: give them another one first`, {
          members: { member_count: members },
        });
      const invitations = await this.hooks.offered(id);
      if (invitations > 0)
        throw new AppError(409, 'role_in_use', `${invitations} invitations offer this role: take them back first`, {
          members: { member_count: 0, invitation_count: invitations },
        });
      await this.db.repo(OrganizationRole).delete({ id });
      await this.audit.record('organization_role.deleted', { ...named(role), key: role.key });
    });
  }

  private async assertMay(
    whose: Whose,
    change: { before?: CustomRole; after: Pick<CustomRole, 'rank' | 'permissions'> },
  ): Promise<void> {
    const standing = await this.standing(whose);
    assertMay(refusalOfRole(standing, await this.grantable(whose, standing), change));
  }

  /** The organization is held: whoever asks has this standing until the change is made. */
  private async standing(whose: Whose): Promise<Standing> {
    if (!whose) return TENANT;
    await lockedOrganization(this.db, whose, 'changing');
    return this.standings.atLeast('admin', whose);
  }

  private async grantable(whose: Whose, { permissions, rank }: Standing): Promise<ReadonlySet<string> | 'all'> {
    if (permissions === 'all' || !whose) return 'all';
    return new Set([...permissions, ...(await permissionsUpTo(this.db, whose.id, rank))]);
  }

  /** By everybody who has the role, as it is now. @throws AppError 409 */
  private async assertCarried(roleId: string): Promise<void> {
    const { names, letters } = MOST_CARRIED;
    const above = await this.db.execute(TOO_MUCH, [currentTenantId(), roleId, names, letters]);
    if (above.length > 0)
      throw tooManyPermissions('Somebody who has this role would have more permissions than tokens can carry');
  }

  /** Among those who have the role, suspended or not. */
  private async assertNobodyAbove(standing: Standing, roleId: string): Promise<void> {
    if (standing.role === 'owner') return;
    const held = await this.db.execute<{ role: Role; rank: number }>(HELD, [currentTenantId(), roleId]);
    if (held.some(({ role, rank }) => Math.max(rank, rankOf({ role, roles: [] })) > standing.rank))
      assertMay('rank_too_low');
  }

  private async locked(whose: Whose, id: string, ifMatch: number | undefined): Promise<OrganizationRole> {
    const row = this.db.repo(OrganizationRole).query('r').andWhere('r.id = :id', { id });
    const role = await row.setLock('pessimistic_write').getOne();
    const seen = role && (role.organizationId === null || role.organizationId === whose?.id);
    if (!seen) throw notFound('role');
    if (whose && role.organizationId === null)
      throw forbidden('role_of_tenant', 'This role is of every organization: the tenant changes it');
    if (ifMatch !== undefined && ifMatch !== role.version) throw preconditionFailed('The role has changed since');
    return role;
  }
}

const named = ({ id, organizationId }: OrganizationRole) => ({ role_id: id, organization_id: organizationId });

const LOCK = { name: 'organization_roles_lock', text: 'SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE' };

const TAKEN = {
  name: 'organization_role_taken',
  text: `
    SELECT 1 FROM organization_roles
     WHERE tenant_id = $1 AND key = $2 AND ($3::uuid IS NULL OR organization_id IS NULL OR organization_id = $3) LIMIT 1`,
};

const MEMBERS = {
  name: 'organization_role_members',
  text: 'SELECT count(*)::int AS members FROM membership_roles WHERE tenant_id = $1 AND role_id = $2',
};

/** By what everybody has, the highest of the others that they have. */
const HELD = {
  name: 'organization_role_held',
  text: `
    SELECT m.role, max(r.rank)::int AS rank
      FROM membership_roles held
      JOIN memberships m ON m.tenant_id = held.tenant_id AND m.organization_id = held.organization_id AND m.user_id = held.user_id
      JOIN membership_roles theirs ON theirs.tenant_id = m.tenant_id AND theirs.organization_id = m.organization_id AND theirs.user_id = m.user_id
      JOIN organization_roles r ON r.tenant_id = theirs.tenant_id AND r.id = theirs.role_id
     WHERE held.tenant_id = $1 AND held.role_id = $2 GROUP BY m.role`,
};

const COUNT = {
  name: 'organization_roles_count',
  text: `
    SELECT count(*)::int AS roles FROM organization_roles
     WHERE tenant_id = $1 AND organization_id IS NOT DISTINCT FROM $2::uuid`,
};

const TOO_MUCH = {
  name: 'organization_role_too_much',
  text: `
    SELECT 1
      FROM membership_roles held
      JOIN memberships m ON m.tenant_id = held.tenant_id AND m.organization_id = held.organization_id AND m.user_id = held.user_id
     CROSS JOIN LATERAL (
       SELECT count(*) AS names, sum(length(permission)) AS letters FROM (
         SELECT unnest(m.permissions) AS permission
          UNION
         SELECT unnest(r.permissions)
           FROM membership_roles theirs JOIN organization_roles r ON r.tenant_id = theirs.tenant_id AND r.id = theirs.role_id
          WHERE theirs.tenant_id = m.tenant_id AND theirs.organization_id = m.organization_id AND theirs.user_id = m.user_id
       ) carried) all_of_them
     WHERE held.tenant_id = $1 AND held.role_id = $2 AND (names > $3 OR letters > $4) LIMIT 1`,
};
