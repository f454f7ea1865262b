import { endpoint } from '../../platform/endpoint.js';
import { UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import type { PasswordLinks } from './password-links.js';

/** No endpoint takes or gives a password. */
export const passwordRoutes = (users: UserService, links: PasswordLinks) => [
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
];
