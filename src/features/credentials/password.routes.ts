import { endpoint } from '../../platform/endpoint.js';
import { UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import type { PasswordService } from './password.service.js';
import type { PasswordLinks } from './password-links.js';

/** No endpoint takes or gives a password. */
export const passwordRoutes = (users: UserService, passwords: PasswordService, links: PasswordLinks) => [
  endpoint({
    method: 'post',
    path: '/users/:user_id/password-links',
    scope: 'users:write',
    summary: 'Send the user a link to choose a password; the link is not in the answer',
    params: UserParams,
    status: 202,
    async handle({ params }) {
      await links.send(await users.find(params.user_id));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/lockout',
    scope: 'users:write',
    summary: 'Unlock a user and forget failed sign-ins',
    params: UserParams,
    async handle({ params }) {
      await passwords.unlock(await users.find(params.user_id));
    },
  }),
];
