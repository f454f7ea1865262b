import { z } from 'zod';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { Invitation } from './invitation.entity.js';
import type { InvitationQuery } from './invitation.schema.js';
import { InvitationTemplate } from './invitation-template.entity.js';

/** Newest first. @param now when what is pending may have expired. */
export async function listInvitations(
  db: Database,
  organizationId: string,
  query: InvitationQuery,
  now: Date,
): Promise<Page<Invitation>> {
  const before = decodeCursor(query.cursor, z.uuid());
  const rows = db.repo(Invitation).query('i').andWhere('i.organization_id = :organizationId', { organizationId });
  if (before) rows.andWhere('i.id < :before', { before });
  if (query.state === 'pending') rows.andWhere(`i.state = 'pending' AND i.expires_at > :now`, { now });
  else if (query.state === 'expired')
    rows.andWhere(`i.state = 'expired' OR (i.state = 'pending' AND i.expires_at <= :now)`, { now });
  else if (query.state) rows.andWhere('i.state = :state', { state: query.state });
  const found = await rows
    .orderBy('i.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(found, query, ({ id }) => id);
}

export async function listTemplates(
  db: Database,
  organizationId: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<InvitationTemplate>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const rows = db
    .repo(InvitationTemplate)
    .query('t')
    .andWhere('t.organization_id = :organizationId', { organizationId });
  if (after) rows.andWhere('t.id > :after', { after });
  const found = await rows
    .orderBy('t.id', 'ASC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(found, query, ({ id }) => id);
}

/** Whether whoever has this address belongs to the organization, suspended or not. */
export async function isMember(db: Database, organizationId: string, emailNormalized: string): Promise<boolean> {
  return (await db.execute(MEMBER, [currentTenantId(), organizationId, emailNormalized])).length > 0;
}

/** Invitations that would give this role: as long as there are any, it stays. */
export async function pendingWithRole(db: Database, roleId: string, now: Date): Promise<number> {
  const [row] = await db.execute<{ n: number }>(WITH_ROLE, [currentTenantId(), roleId, now]);
  return row?.n ?? 0;
}

const MEMBER = {
  name: 'invitation_is_member',
  text: `
    SELECT 1 FROM memberships m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
     WHERE m.tenant_id = $1 AND m.organization_id = $2 AND u.email_normalized = $3`,
};

const WITH_ROLE = {
  name: 'invitation_with_role',
  text: `
    SELECT count(*)::int AS n FROM organization_invitations
     WHERE tenant_id = $1 AND state = 'pending' AND expires_at > $3 AND role_ids @> ARRAY[$2::uuid]`,
};
