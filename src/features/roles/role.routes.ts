import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listRoles } from './role.queries.js';
import { CreateRole, presentRole, RoleParams, RoleQuery, RoleView, UpdateRole } from './role.schema.js';
import type { RoleService } from './role.service.js';

export const roleRoutes = (db: Database, roles: RoleService) => [
  endpoint({
    method: 'get',
    path: '/roles',
    scope: 'roles:read',
    summary: 'List the roles of the tenant, those that every tenant has among them',
    query: RoleQuery,
    response: pageOf(RoleView),
    async handle({ query }) {
      const all = await roles.everything();
      return mapPage(await db.reading(() => listRoles(db, query)), (role) => presentRole(role, all));
    },
  }),
  endpoint({
    method: 'post',
    path: '/roles',
    scope: 'roles:write',
    summary: 'Create a role',
    description: 'With permissions that whoever asks holds.',
    body: CreateRole,
    status: 201,
    response: RoleView,
    handle: async ({ body }) => presentRole(await roles.create(body), []),
  }),
  endpoint({
    method: 'get',
    path: '/roles/:role',
    scope: 'roles:read',
    summary: 'Read a role',
    params: RoleParams,
    response: RoleView,
    handle: async ({ params }) => presentRole(await roles.find(params.role), await roles.everything()),
  }),
  endpoint({
    method: 'patch',
    path: '/roles/:role',
    scope: 'roles:write',
    summary: 'Change a role',
    description: 'Whoever has it may do so at once. One that every tenant has: 403 `built_in_role`.',
    params: RoleParams,
    body: UpdateRole,
    response: RoleView,
    handle: async ({ params, body, ifMatch }) => presentRole(await roles.update(params.role, body, ifMatch), []),
  }),
  endpoint({
    method: 'delete',
    path: '/roles/:role',
    scope: 'roles:write',
    summary: 'Delete a role that nobody has',
    description: 'Where somebody has it: 409 `role_in_use`, with `assignment_count`.',
    params: RoleParams,
    async handle({ params, ifMatch }) {
      await roles.delete(params.role, ifMatch);
    },
  }),
];
