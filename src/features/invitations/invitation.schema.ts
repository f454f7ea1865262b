import { z } from 'zod';
import { bulkResultOf } from '../../platform/bulk.js';
import { pageQuery } from '../../platform/pagination.js';
import { multilineText } from '../../platform/text.js';
import { AddMember } from '../organizations/membership.schema.js';
import { organizationParam } from '../organizations/organization.schema.js';
import { EmailAddress } from '../users/identifier.js';
import type { Invitation } from './invitation.entity.js';
import { invitationStates, stateAt } from './invitation-states.js';

const { role, roles, permissions, teams } = AddMember.shape;

/** Words of a person: plain text, which is escaped wherever it is shown. */
export const Message = multilineText(500).meta({ description: 'Plain text for the letter' });

export const CreateInvitation = z.strictObject({
  email: EmailAddress,
  role,
  roles,
  permissions,
  teams,
  template_id: z.uuid().optional().meta({ description: 'Whose message the letter has' }),
  message: Message.optional().meta({ description: 'In place of that of the template' }),
  locale: z
    .string()
    .max(35)
    .regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/, 'must be a language tag (BCP 47)')
    .optional()
    .meta({ description: 'The language of the letter', example: 'de' }),
});
export type CreateInvitation = z.infer<typeof CreateInvitation>;

export const MOST_AT_ONCE = 100;

export const BulkInvitations = z.strictObject({
  invitations: z.array(CreateInvitation).min(1).max(MOST_AT_ONCE),
});
export type BulkInvitations = z.infer<typeof BulkInvitations>;

export const InvitationParams = z.strictObject({ ...organizationParam, invitation_id: z.uuid() });
export const InvitationQuery = z.strictObject({ ...pageQuery, state: z.enum(invitationStates).optional() });
export type InvitationQuery = z.infer<typeof InvitationQuery>;

export const InvitationView = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid(),
    email: z.string(),
    role: z.enum(['owner', 'admin', 'member']),
    roles: z.array(z.uuid()),
    permissions: z.array(z.string()),
    teams: z.array(z.uuid()),
    template_id: z.uuid().nullable(),
    message: z.string().nullable(),
    locale: z.string().nullable(),
    state: z.enum(invitationStates),
    invited_by: z.uuid().nullable().meta({ description: 'The person who asked; null where a client did' }),
    sent_at: z.iso.datetime(),
    sends: z.int().meta({ description: 'Letters so far' }),
    expires_at: z.iso.datetime(),
    decided_at: z.iso.datetime().nullable(),
    accepted_by: z.uuid().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Invitation' });

/** @param now what has expired says so, whether or not the job has been there. */
export const presentAt = (now: Date) => (one: Invitation) => ({
  id: one.id,
  organization_id: one.organizationId,
  email: one.email,
  role: one.role,
  roles: one.roleIds,
  permissions: one.permissions,
  teams: one.teamIds,
  template_id: one.templateId,
  message: one.message,
  locale: one.locale,
  state: stateAt(one, now),
  invited_by: one.invitedBy,
  sent_at: one.sentAt.toISOString(),
  sends: one.sends,
  expires_at: one.expiresAt.toISOString(),
  decided_at: one.decidedAt?.toISOString() ?? null,
  accepted_by: one.acceptedBy,
  created_at: one.createdAt.toISOString(),
  updated_at: one.updatedAt.toISOString(),
  version: one.version,
});

export const BulkResult = bulkResultOf({ email: z.string(), invitation: InvitationView.optional() }).meta({
  id: 'BulkInvitationsResult',
});
