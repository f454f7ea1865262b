import { counted } from '../../platform/bulk.js';
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { OrganizationParams } from '../organizations/organization.schema.js';
import type { OrganizationService } from '../organizations/organization.service.js';
import { inviteEach } from './bulk-invitations.js';
import { listInvitations } from './invitation.queries.js';
import {
  BulkInvitations,
  BulkResult,
  CreateInvitation,
  InvitationParams,
  InvitationQuery,
  InvitationView,
  MOST_AT_ONCE,
  presentAt,
} from './invitation.schema.js';
import type { InvitationService } from './invitation.service.js';

export function invitationRoutes(
  db: Database,
  organizations: Pick<OrganizationService, 'find'>,
  invitations: InvitationService,
  clock: Clock,
) {
  const present = (one: Parameters<ReturnType<typeof presentAt>>[0]) => presentAt(clock.now())(one);
  return [
    endpoint({
      method: 'get',
      path: '/organizations/:organization/invitations',
      scope: 'organizations:read',
      member: 'admin',
      summary: 'List the invitations of an organization, newest first',
      params: OrganizationParams,
      query: InvitationQuery,
      response: pageOf(InvitationView),
      async handle({ params, query }) {
        const { id } = await organizations.find(params.organization);
        return mapPage(await db.reading(() => listInvitations(db, id, query, clock.now())), present);
      },
    }),
    endpoint({
      method: 'post',
      path: '/organizations/:organization/invitations',
      scope: 'organizations:write',
      member: 'admin',
      proof: ({ body }) => body.role === 'owner',
      summary: 'Invite somebody by e-mail',
      description: 'Whoever holds the mailbox joins, once they have proved it, with exactly what is offered here.',
      params: OrganizationParams,
      body: CreateInvitation,
      status: 201,
      response: InvitationView,
      handle: async ({ params, body }) =>
        present(await invitations.create(await organizations.find(params.organization), body)),
    }),
    endpoint({
      method: 'post',
      path: '/organizations/:organization/invitations/bulk',
      scope: 'organizations:write',
      member: 'admin',
      proof: ({ body }) => body.invitations.some(({ role }) => role === 'owner'),
      summary: `Invite up to ${MOST_AT_ONCE} people`,
      description: 'Each as if it were alone: `results` says for each in its order what became of it.',
      params: OrganizationParams,
      body: BulkInvitations,
      response: BulkResult,
      async handle({ params, body }) {
        const organization = await organizations.find(params.organization);
        const results = await inviteEach(invitations, organization, body.invitations);
        return counted(
          results.map(({ invitation, ...row }, index) => ({
            index,
            ...row,
            done: invitation !== undefined,
            ...(invitation ? { invitation: present(invitation) } : {}),
          })),
        );
      },
    }),
    endpoint({
      method: 'get',
      path: '/organizations/:organization/invitations/:invitation_id',
      scope: 'organizations:read',
      member: 'admin',
      summary: 'Show an invitation',
      params: InvitationParams,
      response: InvitationView,
      handle: async ({ params }) =>
        present(await invitations.find(await organizations.find(params.organization), params.invitation_id)),
    }),
    endpoint({
      method: 'delete',
      path: '/organizations/:organization/invitations/:invitation_id',
      scope: 'organizations:write',
      member: 'admin',
      proof: 'never',
      summary: 'Take an invitation back: its link ends, the row stays',
      params: InvitationParams,
      async handle({ params, ifMatch }) {
        const organization = await organizations.find(params.organization);
        await invitations.cancel(organization, await invitations.find(organization, params.invitation_id), ifMatch);
      },
    }),
    endpoint({
      method: 'post',
      path: '/organizations/:organization/invitations/:invitation_id/letters',
      scope: 'organizations:write',
      member: 'admin',
      proof: 'never',
      summary: 'Send an invitation again',
      description:
        'The link of the letter before ends. After 60 seconds, and twice as many each time, up to an hour; before that 429.',
      params: InvitationParams,
      response: InvitationView,
      async handle({ params }) {
        const organization = await organizations.find(params.organization);
        return present(
          await invitations.resend(organization, await invitations.find(organization, params.invitation_id)),
        );
      },
    }),
  ];
}
