// Owns who belongs to an organization, and as what. Each change is told in its history and in the record, and the last owner stays.
// Hands off to: organization-hooks.ts, with which what was granted to a member for this organization ends; nothing else of theirs does.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { User } from '../users/user.entity.js';
import { holdPerson } from '../users/user-rows.js';
import { type Holding, isAtLeast, isTooMuch, mayTouch, refusalOfChange, type Standing } from './hierarchy.js';
import { Membership } from './membership.entity.js';
import type { ChangeMember, NewMember } from './membership.schema.js';
import type { MembershipHistory } from './membership-history.js';
import { heldMembership, insertMembership, replaceRoles } from './membership-rows.js';
import type { Organization } from './organization.entity.js';
import type { OrganizationHooks } from './organization-hooks.js';
import {
  assertTeams,
  customRoles,
  isLastOwner,
  lockedOrganization,
  permissionsUpTo,
  tooManyPermissions,
} from './organization-rows.js';
import { askingPerson, assertMay, roleTooLow, type Standings } from './standing.js';

/** How somebody came in; `added` without being asked is the tenant's own word, the others have their own rules. */
export interface HowJoined {
  kind: 'added' | 'created' | 'invitation' | 'domain' | 'connection' | 'default' | 'personal';
  /** The id of what it was by, as of an invitation. */
  by?: string;
}

type Whose = Pick<Organization, 'id'>;

export class MembershipService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly standings: Standings,
    private readonly history: MembershipHistory,
    private readonly hooks: OrganizationHooks,
  ) {}

  /** Suspended or not. @throws AppError 404 */
  async find({ id: organizationId }: Whose, userId: string): Promise<Membership> {
    const membership = await this.db.repo(Membership).findOneBy({ organizationId, userId });
    if (!membership) throw notFound('member');
    return membership;
  }

  /** @throws AppError 404 `user`, 409 `already_member` or `too_many_permissions`, 422 for roles and teams that the organization does not have, 403 where a person adds another. */
  add(organization: Whose, member: NewMember, how: HowJoined): Promise<Membership> {
    const { user_id: userId, role = 'member', roles: roleIds = [], permissions = [], teams = [] } = member;
    const organizationId = organization.id;
    // Whoever is made a member has tokens for the organization from then on: people say so themselves.
    if (how.kind === 'added' && askingPerson()) throw forbidden('invite_people', 'People are invited, and not added');
    return this.db.transaction(async () => {
      await holdPerson(this.db, userId);
      await lockedOrganization(this.db, organization, 'joining');
      if (!(await this.db.repo(User).existsBy({ id: userId }))) throw notFound('user');
      const roles = await customRoles(this.db, organizationId, roleIds);
      await assertTeams(this.db, organizationId, teams);
      const after = { role, roles, permissions };
      assertCarried(after);
      const now = this.clock.now();
      const membership = Object.assign(new Membership(), {
        organizationId,
        userId,
        role,
        permissions,
        joinedAt: now,
        updatedAt: now,
      });
      if (!(await insertMembership(this.db, membership, roleIds, teams)))
        throw conflict('already_member', 'They are a member already');
      const { kind, by } = how;
      if (kind !== 'invitation') await this.hooks.memberAdded(organizationId, userId);
      await this.history.record('joined', membership, { how: kind, ...(by ? { by } : {}), ...told(after), teams });
      await this.audit.record('membership.added', {
        organization_id: organizationId,
        user_id: userId,
        role,
        how: kind,
      });
      return membership;
    });
  }

  /** What is absent stays. @throws AppError 409 `last_owner` or `too_many_permissions`, 403 by the hierarchy. */
  change(organization: Whose, userId: string, change: ChangeMember, ifMatch?: number): Promise<Membership> {
    return this.changing(organization, userId, ifMatch, async ({ membership, holding: before, standing }) => {
      const after: Holding = {
        role: change.role ?? before.role,
        roles: change.roles ? await customRoles(this.db, organization.id, change.roles) : before.roles,
        permissions: change.permissions ?? before.permissions,
      };
      await this.assertMayGive(standing, organization.id, { userId, before, after });
      assertCarried(after);
      if (after.role !== 'owner') await this.assertNotLast(membership);
      const [from, to] = [told(before), told(after)];
      if (JSON.stringify(from) === JSON.stringify(to)) return membership;
      Object.assign(membership, { role: after.role, permissions: [...after.permissions] });
      if (change.roles) await replaceRoles(this.db, membership, change.roles);
      await this.saved(membership);
      await this.history.record('changed', membership, { from, to });
      const who = { organization_id: organization.id, user_id: userId };
      await this.audit.record('membership.changed', { ...who, role: after.role, previous_role: before.role });
      return membership;
    });
  }

  /** By somebody else, or, for whoever asks for themselves, leaving. @throws AppError 409 `last_owner` */
  remove(organization: Whose, userId: string, ifMatch?: number): Promise<void> {
    const leaves = askingPerson()?.id === userId;
    return this.changing(organization, userId, ifMatch, async ({ membership }) => {
      await this.assertNotLast(membership);
      await this.db.repo(Membership).delete({ organizationId: organization.id, userId });
      await this.history.record(leaves ? 'left' : 'removed', membership);
      await this.hooks.memberEnded(organization.id, userId);
      const who = { organization_id: organization.id, user_id: userId };
      await this.audit.record('membership.removed', { ...who, by: leaves ? 'themselves' : 'others' });
    });
  }

  /** Whoever asks by their own session. */
  leave(organization: Whose): Promise<void> {
    const person = askingPerson();
    if (!person) throw forbidden('no_person', 'Only a person leaves an organization');
    return this.remove(organization, person.id);
  }

  /** They stay a member and are given no token for it. @throws AppError 409 `last_owner` */
  suspend(organization: Whose, userId: string, reason: string): Promise<Membership> {
    return this.changing(organization, userId, undefined, async ({ membership }) => {
      if (membership.suspendedAt) return membership;
      await this.assertNotLast(membership);
      Object.assign(membership, { suspendedAt: this.clock.now(), suspensionReason: reason });
      await this.saved(membership);
      await this.history.record('suspended', membership, { reason });
      await this.hooks.memberEnded(organization.id, userId);
      await this.audit.record('membership.suspended', { organization_id: organization.id, user_id: userId });
      return membership;
    });
  }

  /** What had ended stays ended. */
  resume(organization: Whose, userId: string): Promise<Membership> {
    return this.changing(organization, userId, undefined, async ({ membership }) => {
      if (!membership.suspendedAt) return membership;
      Object.assign(membership, { suspendedAt: null, suspensionReason: null, inactiveNotedAt: null });
      await this.saved(membership);
      await this.history.record('resumed', membership);
      await this.audit.record('membership.resumed', { organization_id: organization.id, user_id: userId });
      return membership;
    });
  }

  /** A token was given for it: noted once a day at most. */
  async used(organizationId: string, userId: string): Promise<void> {
    await this.db.execute(USED, [currentTenantId(), organizationId, userId, this.clock.now()]);
  }

  /** Of one member, with whoever asks allowed to touch them, or being them. */
  private changing<T>(
    organization: Whose,
    userId: string,
    ifMatch: number | undefined,
    work: (held: { membership: Membership; holding: Holding; standing: Standing }) => Promise<T>,
  ): Promise<T> {
    return this.db.transaction(async () => {
      await holdPerson(this.db, userId);
      await lockedOrganization(this.db, organization, 'changing');
      const standing = await this.standings.of(organization);
      if (standing.userId !== userId && !isAtLeast(standing.role, 'admin')) throw roleTooLow('admin');
      const held = await heldMembership(this.db, organization.id, userId, ifMatch);
      if (!mayTouch(standing, held.holding)) assertMay('rank_too_low');
      return work({ ...held, standing });
    });
  }

  private async assertMayGive(
    standing: Standing,
    organizationId: string,
    change: { userId: string; before?: Holding; after: Holding },
  ): Promise<void> {
    const { permissions } = standing;
    const asked = change.after.permissions.length > 0;
    const grantable =
      permissions === 'all' || !asked
        ? permissions
        : new Set([...permissions, ...(await permissionsUpTo(this.db, organizationId, standing.rank))]);
    assertMay(refusalOfChange(standing, grantable, change));
  }

  /** @throws AppError 409 */
  private async assertNotLast({ role, organizationId, userId }: Membership): Promise<void> {
    if (role === 'owner' && (await isLastOwner(this.db, organizationId, userId)))
      throw conflict('last_owner', 'An organization keeps at least one owner: make somebody else one first');
  }

  private async saved(membership: Membership): Promise<void> {
    membership.version += 1;
    membership.updatedAt = this.clock.now();
    await this.db.repo(Membership).save(membership);
  }
}

/** @throws AppError 409 */
function assertCarried(after: Holding): void {
  if (isTooMuch(after)) throw tooManyPermissions('This is more than tokens can carry');
}

const told = ({ role, roles, permissions }: Holding) => ({
  role,
  roles: roles.map(({ key }) => key).sort(),
  permissions: [...permissions].sort(),
});

const USED = {
  name: 'membership_used',
  text: `
    UPDATE memberships SET last_used_at = $4, inactive_noted_at = NULL
     WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3
       AND (last_used_at IS NULL OR last_used_at < $4::timestamptz - interval '1 day')`,
};
