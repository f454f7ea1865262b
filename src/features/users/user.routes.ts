import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { User } from './user.entity.js';
import { listUsers } from './user.queries.js';
import {
  type CreateUser,
  ImportUser,
  present,
  Roles,
  UpdateUser,
  UserParams,
  UserQuery,
  UserView,
} from './user.schema.js';
import type { UserService } from './user.service.js';

/** What else comes with a new person is the matter of whoever knows it. */
export interface NewUsers {
  createUser(input: CreateUser, passwordHash: string | undefined): Promise<User>;
}

export const userRoutes = (db: Database, users: UserService, newUsers: NewUsers) => [
  endpoint({
    method: 'get',
    path: '/users',
    scope: 'users:read',
    summary: 'List users, newest first',
    query: UserQuery,
    response: pageOf(UserView),
    handle: async ({ query }) => mapPage(await db.reading(() => listUsers(db, query)), present),
  }),
  endpoint({
    method: 'post',
    path: '/users',
    scope: 'users:write',
    summary: 'Create a user without a password, or with the hash of the one they had elsewhere',
    body: ImportUser,
    status: 201,
    response: UserView,
    handle: async ({ body: { password_hash, ...input } }) => present(await newUsers.createUser(input, password_hash)),
  }),
  endpoint({
    method: 'get',
    path: '/users/:user_id',
    scope: 'users:read',
    summary: 'Read a user',
    params: UserParams,
    response: UserView,
    handle: async ({ params }) => present(await users.find(params.user_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/users/:user_id',
    scope: 'users:write',
    summary: 'Change a user',
    params: UserParams,
    body: UpdateUser,
    response: UserView,
    handle: async ({ params, body, ifMatch }) =>
      present(await users.update(await users.find(params.user_id), body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id',
    scope: 'users:write',
    summary: 'Delete a user and everything about them',
    params: UserParams,
    async handle({ params, ifMatch }) {
      await users.delete(await users.find(params.user_id), ifMatch);
    },
  }),
  endpoint({
    method: 'put',
    path: '/users/:user_id/suspension',
    scope: { anyOf: ['users:lock', 'users:write'] },
    summary: 'Disable a user',
    params: UserParams,
    async handle({ params }) {
      await users.disable(await users.find(params.user_id));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/suspension',
    scope: { anyOf: ['users:lock', 'users:write'] },
    summary: 'Enable a user',
    params: UserParams,
    async handle({ params }) {
      await users.enable(await users.find(params.user_id));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/deletion',
    scope: 'users:write',
    summary: 'Take back the deletion that the owner of an account has asked for',
    params: UserParams,
    response: UserView,
    handle: async ({ params, ifMatch }) => present(await users.reopen(await users.find(params.user_id), ifMatch)),
  }),
  // Not part of /users: who may write users must not be able to make administrators.
  endpoint({
    method: 'put',
    path: '/users/:user_id/roles',
    scope: 'roles:write',
    summary: 'Say which roles a user has',
    params: UserParams,
    body: Roles,
    response: UserView,
    handle: async ({ params, body, ifMatch }) =>
      present(await users.setRoles(await users.find(params.user_id), body.roles, ifMatch)),
  }),
];
