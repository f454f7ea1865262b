import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listMembers, presentMember } from './membership.queries.js';
import { MemberQuery, MemberView } from './membership.schema.js';
import { OrganizationParams } from './organization.schema.js';
import type { OrganizationService } from './organization.service.js';
import type { Standings } from './standing.js';
import { listTeams } from './team.queries.js';
import {
  CreateTeam,
  presentTeam,
  TeamMemberParams,
  TeamParams,
  TeamQuery,
  TeamView,
  UpdateTeam,
} from './team.schema.js';
import type { Teams } from './teams.js';

export const teamRoutes = (db: Database, organizations: OrganizationService, standings: Standings, teams: Teams) => [
  endpoint({
    method: 'get',
    path: '/organizations/:organization/teams',
    scope: 'organizations:read',
    member: 'member',
    summary: 'List the teams of an organization',
    params: OrganizationParams,
    query: TeamQuery,
    response: pageOf(TeamView),
    async handle({ params, query }) {
      const { id } = await organizations.find(params.organization);
      return mapPage(await db.reading(() => listTeams(db, id, query)), presentTeam);
    },
  }),
  endpoint({
    method: 'post',
    path: '/organizations/:organization/teams',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Create a team',
    params: OrganizationParams,
    body: CreateTeam,
    status: 201,
    response: TeamView,
    handle: async ({ params, body }) =>
      presentTeam(await teams.create(await organizations.find(params.organization), body)),
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization/teams/:team_id',
    scope: 'organizations:read',
    member: 'member',
    summary: 'Read a team',
    params: TeamParams,
    response: TeamView,
    handle: async ({ params }) =>
      presentTeam(await teams.find(await organizations.find(params.organization), params.team_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/organizations/:organization/teams/:team_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Change a team',
    params: TeamParams,
    body: UpdateTeam,
    response: TeamView,
    handle: async ({ params, body, ifMatch }) =>
      presentTeam(await teams.update(await organizations.find(params.organization), params.team_id, body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/organizations/:organization/teams/:team_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Delete a team; its members stay members of the organization',
    params: TeamParams,
    async handle({ params, ifMatch }) {
      await teams.delete(await organizations.find(params.organization), params.team_id, ifMatch);
    },
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization/teams/:team_id/members',
    scope: 'organizations:read',
    member: 'member',
    summary: 'List the members of a team',
    params: TeamParams,
    query: MemberQuery,
    response: pageOf(MemberView),
    async handle({ params, query }) {
      const organization = await organizations.find(params.organization);
      const { id: teamId } = await teams.find(organization, params.team_id);
      const as = await standings.managing(organization);
      const page = await db.reading(() => listMembers(db, organization.id, query, { ...as, teamId }));
      return mapPage(page, (row) => presentMember(row, as));
    },
  }),
  endpoint({
    method: 'put',
    path: '/organizations/:organization/teams/:team_id/members/:user_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: ({ params }) => [params.user_id],
    summary: 'Put a member into a team',
    params: TeamMemberParams,
    async handle({ params }) {
      await teams.join(await organizations.find(params.organization), params.team_id, params.user_id);
    },
  }),
  endpoint({
    method: 'delete',
    path: '/organizations/:organization/teams/:team_id/members/:user_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: ({ params }) => [params.user_id],
    summary: 'Take a member out of a team',
    params: TeamMemberParams,
    async handle({ params }) {
      await teams.leave(await organizations.find(params.organization), params.team_id, params.user_id);
    },
  }),
];
