import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { OrganizationParams } from './organization.schema.js';
import type { OrganizationService } from './organization.service.js';
import { listRoles } from './organization-role.queries.js';
import {
  CreateRole,
  presentRole,
  RoleParams,
  RoleQuery,
  RoleView,
  TenantRoleParams,
  UpdateRole,
} from './organization-role.schema.js';
import type { OrganizationRoles } from './organization-roles.js';

export const organizationRoleRoutes = (db: Database, organizations: OrganizationService, roles: OrganizationRoles) => [
  endpoint({
    method: 'get',
    path: '/organizations/:organization/roles',
    scope: 'organizations:read',
    member: 'member',
    summary: 'List the custom roles of an organization, with those of every organization',
    params: OrganizationParams,
    query: RoleQuery,
    response: pageOf(RoleView),
    async handle({ params, query }) {
      const { id } = await organizations.find(params.organization);
      return mapPage(await db.reading(() => listRoles(db, id, query)), presentRole);
    },
  }),
  endpoint({
    method: 'post',
    path: '/organizations/:organization/roles',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Create a custom role',
    description: 'Up to one’s own rank, with permissions that one may give.',
    params: OrganizationParams,
    body: CreateRole,
    status: 201,
    response: RoleView,
    handle: async ({ params, body }) =>
      presentRole(await roles.create(await organizations.find(params.organization), body)),
  }),
  endpoint({
    method: 'get',
    path: '/organizations/:organization/roles/:role_id',
    scope: 'organizations:read',
    member: 'member',
    summary: 'Read a custom role',
    params: RoleParams,
    response: RoleView,
    handle: async ({ params }) =>
      presentRole(await roles.find(await organizations.find(params.organization), params.role_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/organizations/:organization/roles/:role_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Change a custom role',
    params: RoleParams,
    body: UpdateRole,
    response: RoleView,
    handle: async ({ params, body, ifMatch }) =>
      presentRole(await roles.update(await organizations.find(params.organization), params.role_id, body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/organizations/:organization/roles/:role_id',
    scope: 'organizations:write',
    member: 'admin',
    proof: 'never',
    summary: 'Delete a custom role that nobody has',
    description: 'Where somebody has it: 409 `role_in_use`, with `member_count`.',
    params: RoleParams,
    async handle({ params, ifMatch }) {
      await roles.delete(await organizations.find(params.organization), params.role_id, ifMatch);
    },
  }),
  endpoint({
    method: 'get',
    path: '/organization-roles',
    scope: 'organizations:read',
    summary: 'List the custom roles of every organization',
    query: RoleQuery,
    response: pageOf(RoleView),
    handle: async ({ query }) => mapPage(await db.reading(() => listRoles(db, null, query)), presentRole),
  }),
  endpoint({
    method: 'post',
    path: '/organization-roles',
    scope: 'organizations:write',
    summary: 'Create a custom role for every organization',
    body: CreateRole,
    status: 201,
    response: RoleView,
    handle: async ({ body }) => presentRole(await roles.create(null, body)),
  }),
  endpoint({
    method: 'get',
    path: '/organization-roles/:role_id',
    scope: 'organizations:read',
    summary: 'Read a custom role of every organization',
    params: TenantRoleParams,
    response: RoleView,
    handle: async ({ params }) => presentRole(await roles.find(null, params.role_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/organization-roles/:role_id',
    scope: 'organizations:write',
    summary: 'Change a custom role of every organization',
    params: TenantRoleParams,
    body: UpdateRole,
    response: RoleView,
    handle: async ({ params, body, ifMatch }) => presentRole(await roles.update(null, params.role_id, body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/organization-roles/:role_id',
    scope: 'organizations:write',
    summary: 'Delete a custom role of every organization that nobody has',
    description: 'Where somebody has it: 409 `role_in_use`, with `member_count`.',
    params: TenantRoleParams,
    async handle({ params, ifMatch }) {
      await roles.delete(null, params.role_id, ifMatch);
    },
  }),
];
