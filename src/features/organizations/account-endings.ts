// Owns what becomes of organizations when an account ends: those that others need keep an owner, and those of one person alone go with them.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { MembershipHistory } from './membership-history.js';
import { Organization } from './organization.entity.js';
import type { OrganizationHooks } from './organization-hooks.js';

export class AccountEndings {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: Pick<TenantService, 'current'>,
    private readonly history: MembershipHistory,
    private readonly hooks: OrganizationHooks,
  ) {}

  /** In the transaction in which a person, who is held, closes their account. @throws AppError 409 `last_owner` */
  async assertMayClose(userId: string): Promise<void> {
    const key = [currentTenantId(), userId];
    // Of two owners who close at once, one is the last.
    await this.db.execute(HOLD_OWNED, key);
    const needed = await this.db.execute(NEEDS_AN_OWNER, key);
    if (needed.length > 0)
      throw conflict('last_owner', 'Others are in an organization that only you own: make one of them an owner first');
  }

  /** In the transaction in which an account goes, before the person is held. */
  async erasing(userId: string): Promise<void> {
    const alone = await this.alone(userId);
    if (alone.length > 0) await this.hooks.organizationsEnding(alone.map(({ id }) => id));
  }

  /** In the transaction in which an account goes, before its row does; what was granted to the person has ended by then. */
  async erase(userId: string): Promise<void> {
    const key = [currentTenantId(), userId];
    await this.db.execute(HOLD_OWNED, key);
    for (const { id, slug } of await this.alone(userId)) {
      await this.hooks.organizationEnded(id);
      await this.db.repo(Organization).delete({ id });
      await this.audit.record('organization.deleted', { organization_id: id, slug });
    }
    const rest = await this.db.execute<{ organization_id: string }>(MEMBER_OF, key);
    for (const { organization_id } of rest)
      await this.history.record('removed', { organizationId: organization_id, userId }, { why: 'account_deleted' });
    const gone = rest.map(({ organization_id }) => ({
      organization_id,
      user_id: userId,
      by: 'account_deleted' as const,
    }));
    await this.audit.recordAll('membership.removed', gone);
  }

  private async alone(userId: string): Promise<{ id: string; slug: string }[]> {
    const { default_organization: kept } = (await this.tenants.current()).settings.organizations;
    return this.db.execute<{ id: string; slug: string }>(ALONE, [currentTenantId(), userId, kept]);
  }
}

const HOLD_OWNED = {
  name: 'organizations_hold_owned',
  text: `
    SELECT o.id FROM organizations o JOIN memberships m ON m.tenant_id = o.tenant_id AND m.organization_id = o.id
     WHERE o.tenant_id = $1 AND m.user_id = $2 AND m.role = 'owner' ORDER BY o.id FOR NO KEY UPDATE OF o`,
};

const NEEDS_AN_OWNER = {
  name: 'organizations_need_an_owner',
  text: `
    SELECT 1 FROM memberships m JOIN organizations o ON o.tenant_id = m.tenant_id AND o.id = m.organization_id
     WHERE m.tenant_id = $1 AND m.user_id = $2 AND m.role = 'owner' AND m.suspended_at IS NULL
       AND o.personal_of IS DISTINCT FROM m.user_id
       AND EXISTS (SELECT FROM memberships other WHERE other.tenant_id = m.tenant_id AND other.organization_id = m.organization_id
                      AND other.user_id <> m.user_id)
       AND NOT EXISTS (SELECT FROM memberships other JOIN users u ON u.tenant_id = other.tenant_id AND u.id = other.user_id
                        WHERE other.tenant_id = m.tenant_id AND other.organization_id = m.organization_id
                          AND other.user_id <> m.user_id AND other.role = 'owner' AND other.suspended_at IS NULL
                          AND u.disabled_at IS NULL AND u.deletion_at IS NULL)
     LIMIT 1`,
};

/** Their own workspace, whoever else is in it, and what they own with nobody beside them; never what everybody joins. */
const ALONE = {
  name: 'organizations_of_one_alone',
  text: `
    SELECT o.id, o.slug FROM organizations o
     WHERE o.tenant_id = $1 AND o.slug IS DISTINCT FROM $3::text
       AND o.id IN (SELECT id FROM organizations WHERE tenant_id = $1 AND personal_of = $2
                    UNION SELECT organization_id FROM memberships WHERE tenant_id = $1 AND user_id = $2 AND role = 'owner')
       AND (o.personal_of = $2 OR NOT EXISTS (SELECT FROM memberships m WHERE m.tenant_id = o.tenant_id
                                                 AND m.organization_id = o.id AND m.user_id <> $2))
     ORDER BY o.id`,
};

const MEMBER_OF = {
  name: 'organizations_member_of',
  text: 'SELECT organization_id FROM memberships WHERE tenant_id = $1 AND user_id = $2 ORDER BY organization_id',
};
