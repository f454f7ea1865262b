// Who has which roles, and what that lets them do.
import { z } from 'zod';
import { endpoint } from '../../platform/endpoint.js';
import type { Client } from '../clients/client.entity.js';
import { ClientParams } from '../clients/client.schema.js';
import type { ClientService } from '../clients/client.service.js';
import type { User } from '../users/user.entity.js';
import { Roles, UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import { PermissionCheck, PermissionsView, PermissionVerdict } from './permission.schema.js';
import type { Permissions } from './permissions.js';
import { roleParam } from './role.schema.js';
import type { RoleService } from './role.service.js';

const HeldRoles = z.object({ roles: z.array(z.string()), version: z.int() }).meta({ id: 'HeldRoles' });
const held = ({ roles, version }: User | Client) => ({ roles, version });

const UserRoleParams = UserParams.extend(roleParam);
const ClientRoleParams = ClientParams.extend(roleParam);

export const userRoleRoutes = (users: UserService, roles: RoleService) => [
  endpoint({
    method: 'get',
    path: '/users/:user_id/roles',
    scope: 'roles:read',
    summary: 'Read which roles a user has',
    params: UserParams,
    response: HeldRoles,
    handle: async ({ params }) => held(await users.find(params.user_id)),
  }),
  endpoint({
    method: 'put',
    path: '/users/:user_id/roles/:role',
    scope: 'roles:write',
    summary: 'Give a user a role',
    params: UserRoleParams,
    async handle({ params, ifMatch }) {
      const user = await users.find(params.user_id);
      const { key } = await roles.find(params.role);
      await users.changeRoles(user, (before) => [...before, key], ifMatch);
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/roles/:role',
    scope: 'roles:write',
    summary: 'Take a role from a user',
    params: UserRoleParams,
    async handle({ params, ifMatch }) {
      const user = await users.find(params.user_id);
      const { key } = await roles.find(params.role);
      await users.changeRoles(user, (before) => before.filter((one) => one !== key), ifMatch);
    },
  }),
];

export const clientRoleRoutes = (clients: ClientService, roles: RoleService) => [
  endpoint({
    method: 'get',
    path: '/clients/:client_id/roles',
    scope: 'roles:read',
    summary: 'Read which roles a client has',
    params: ClientParams,
    response: HeldRoles,
    handle: async ({ params }) => held(await clients.find(params.client_id)),
  }),
  endpoint({
    method: 'put',
    path: '/clients/:client_id/roles',
    scope: 'roles:write',
    summary: 'Say which roles a client has',
    description: 'They count at resources; at the management API a client has its scopes.',
    params: ClientParams,
    body: Roles,
    response: HeldRoles,
    handle: async ({ params, body, ifMatch }) =>
      held(await clients.changeRoles(await clients.find(params.client_id), () => body.roles, ifMatch)),
  }),
  endpoint({
    method: 'put',
    path: '/clients/:client_id/roles/:role',
    scope: 'roles:write',
    summary: 'Give a client a role',
    params: ClientRoleParams,
    async handle({ params, ifMatch }) {
      const client = await clients.find(params.client_id);
      const { key } = await roles.find(params.role);
      await clients.changeRoles(client, (before) => [...before, key], ifMatch);
    },
  }),
  endpoint({
    method: 'delete',
    path: '/clients/:client_id/roles/:role',
    scope: 'roles:write',
    summary: 'Take a role from a client',
    params: ClientRoleParams,
    async handle({ params, ifMatch }) {
      const client = await clients.find(params.client_id);
      const { key } = await roles.find(params.role);
      await clients.changeRoles(client, (before) => before.filter((one) => one !== key), ifMatch);
    },
  }),
];

export const permissionRoutes = (users: UserService, permissions: Permissions) => [
  endpoint({
    method: 'get',
    path: '/users/:user_id/permissions',
    scope: 'roles:read',
    summary: 'Read what the roles of a user let them do',
    description: 'Somebody who may not come in may do nothing.',
    params: UserParams,
    response: PermissionsView,
    handle: async ({ params }) => permissions.of(await users.find(params.user_id)),
  }),
  endpoint({
    method: 'post',
    path: '/permission-checks',
    scope: 'roles:read',
    summary: 'Ask whether a user may do something',
    description: 'Of the management API, or of the resource that is named.',
    body: PermissionCheck,
    response: PermissionVerdict,
    handle: async ({ body }) => permissions.check(await users.find(body.user_id), body),
  }),
];
