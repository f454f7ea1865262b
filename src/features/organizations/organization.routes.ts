import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listOrganizations } from './organization.queries.js';
import {
  CreateOrganization,
  OrganizationParams,
  OrganizationQuery,
  OrganizationView,
  present,
  ReplaceOrganization,
  Suspension,
  UpdateOrganization,
} from './organization.schema.js';
import type { OrganizationService } from './organization.service.js';
import { askingPerson, type Standings } from './standing.js';

export const organizationRoutes = (db: Database, organizations: OrganizationService, standings: Standings) => [
  endpoint({
    method: 'get',
    path: '/organizations',
    scope: 'organizations:read',
    member: 'member',
    summary: 'List organizations, newest first; with the session of an account, one’s own',
    query: OrganizationQuery,
    response: pageOf(OrganizationView),
    handle: async ({ query }) =>
      mapPage(await db.reading(() => listOrganizations(db, query, askingPerson()?.id)), (organization) =>
        present(organization, { manages: !askingPerson() }),
      ),
  }),
  endpoint({
    method: 'post',
    path: '/organizations',
    scope: 'organizations:write',
    member: 'member',
    summary: 'Create an organization',
    description: 'With the session of an account: one’s own, where the tenant lets people make them.',
    body: CreateOrganization,
    status: 201,
    response: OrganizationView,
    handle: async ({ body }) => present(await organizations.create(body)),
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization',
    scope: 'organizations:read',
    member: 'member',
    summary: 'Read an organization',
    description: 'Its settings are told to those who manage it; other members see its branding.',
    params: OrganizationParams,
    response: OrganizationView,
    async handle({ params }) {
      const organization = await organizations.find(params.organization);
      return present(organization, await standings.managing(organization));
    },
  }),
  endpoint({
    method: 'put',
    path: '/organizations/:organization',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'always',
    summary: 'Replace the name, slug and settings of an organization',
    params: OrganizationParams,
    body: ReplaceOrganization,
    response: OrganizationView,
    handle: async ({ params, body, ifMatch }) =>
      present(await organizations.replace(await organizations.find(params.organization), body, ifMatch)),
  }),
  endpoint({
    method: 'patch',
    path: '/organizations/:organization',
    scope: 'organizations:write',
    member: 'admin',
    proof: ({ body: { settings } }) => settings !== undefined && 'policy' in settings,
    summary: 'Change an organization; null takes a setting away',
    description: 'A policy that asks for less proof than before takes an owner.',
    params: OrganizationParams,
    body: UpdateOrganization,
    response: OrganizationView,
    handle: async ({ params, body, ifMatch }) =>
      present(await organizations.update(await organizations.find(params.organization), body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/organizations/:organization',
    scope: 'organizations:write',
    member: 'owner',
    proof: 'always',
    summary: 'Delete an organization and everything it has; nobody loses their account',
    params: OrganizationParams,
    async handle({ params, ifMatch }) {
      await organizations.delete(await organizations.find(params.organization), ifMatch);
    },
  }),
  endpoint({
    method: 'put',
    path: '/organizations/:organization/suspension',
    scope: 'organizations:write',
    summary: 'Suspend an organization: to its members it is not there',
    params: OrganizationParams,
    body: Suspension,
    async handle({ params, body }) {
      await organizations.suspend(await organizations.find(params.organization), body.reason);
    },
  }),
  endpoint({
    method: 'delete',
    path: '/organizations/:organization/suspension',
    scope: 'organizations:write',
    summary: 'Resume an organization',
    params: OrganizationParams,
    async handle({ params }) {
      await organizations.resume(await organizations.find(params.organization));
    },
  }),
];
