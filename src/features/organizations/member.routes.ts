import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { notFound } from '../../platform/errors.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listMembers, presentMember, readMember } from './membership.queries.js';
import { AddMember, ChangeMember, MemberParams, MemberQuery, MemberView } from './membership.schema.js';
import type { MembershipService } from './membership.service.js';
import type { Organization } from './organization.entity.js';
import { OrganizationParams, Suspension } from './organization.schema.js';
import type { OrganizationService } from './organization.service.js';
import type { Standings } from './standing.js';

export const memberRoutes = (
  db: Database,
  organizations: OrganizationService,
  memberships: MembershipService,
  standings: Standings,
) => {
  async function view(organization: Organization, userId: string) {
    const as = await standings.managing(organization);
    const row = await readMember(db, organization.id, userId, as);
    if (!row) throw notFound('member');
    return presentMember(row, as);
  }
  return [
    endpoint({
      method: 'get',
      path: '/organizations/:organization/members',
      scope: 'organizations:read',
      member: 'member',
      summary: 'List the members of an organization',
      params: OrganizationParams,
      query: MemberQuery,
      response: pageOf(MemberView),
      async handle({ params, query }) {
        const organization = await organizations.find(params.organization);
        const as = await standings.managing(organization);
        const page = await db.reading(() => listMembers(db, organization.id, query, as));
        return mapPage(page, (row) => presentMember(row, as));
      },
    }),
    endpoint({
      method: 'post',
      path: '/organizations/:organization/members',
      scope: 'organizations:write',
      summary: 'Make somebody a member, without asking them: for tokens alone, members invite people',
      params: OrganizationParams,
      body: AddMember,
      status: 201,
      response: MemberView,
      async handle({ params, body }) {
        const organization = await organizations.find(params.organization);
        await memberships.add(organization, body, { kind: 'added' });
        return view(organization, body.user_id);
      },
    }),
    endpoint({
      method: 'get',
      path: '/organizations/:organization/members/:user_id',
      scope: 'organizations:read',
      member: 'member',
      summary: 'Read a member',
      params: MemberParams,
      response: MemberView,
      handle: async ({ params }) => view(await organizations.find(params.organization), params.user_id),
    }),
    endpoint({
      method: 'put',
      path: '/organizations/:organization/members/:user_id',
      scope: 'organizations:write',
      member: 'admin',
      proof: ({ params, body }) => body.role === 'owner' || [params.user_id],
      summary: 'Say which roles and permissions a member has',
      description:
        'Each is replaced whole; what is absent stays. Nobody gives or touches what is above their own role.',
      params: MemberParams,
      body: ChangeMember,
      response: MemberView,
      async handle({ params, body, ifMatch }) {
        const organization = await organizations.find(params.organization);
        await memberships.change(organization, params.user_id, body, ifMatch);
        return view(organization, params.user_id);
      },
    }),
    endpoint({
      method: 'delete',
      path: '/organizations/:organization/members/:user_id',
      scope: 'organizations:write',
      member: 'member',
      proof: ({ params }) => [params.user_id],
      summary: 'Remove a member, or leave',
      description: 'To remove somebody else takes an admin; everybody but the last owner may leave.',
      params: MemberParams,
      async handle({ params, ifMatch }) {
        await memberships.remove(await organizations.find(params.organization), params.user_id, ifMatch);
      },
    }),
    endpoint({
      method: 'put',
      path: '/organizations/:organization/members/:user_id/suspension',
      scope: 'organizations:write',
      member: 'admin',
      proof: ({ params }) => [params.user_id],
      summary: 'Suspend a member: they stay one and are given no tokens for the organization',
      params: MemberParams,
      body: Suspension,
      async handle({ params, body }) {
        await memberships.suspend(await organizations.find(params.organization), params.user_id, body.reason);
      },
    }),
    endpoint({
      method: 'delete',
      path: '/organizations/:organization/members/:user_id/suspension',
      scope: 'organizations:write',
      member: 'admin',
      proof: ({ params }) => [params.user_id],
      summary: 'Let a suspended member in again',
      params: MemberParams,
      async handle({ params }) {
        await memberships.resume(await organizations.find(params.organization), params.user_id);
      },
    }),
  ];
};
