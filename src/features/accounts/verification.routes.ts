import { endpoint } from '../../platform/endpoint.js';
import { UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import type { EmailVerification } from './email-verification.js';

export const verificationRoutes = (users: UserService, verification: EmailVerification) => [
  endpoint({
    method: 'post',
    path: '/users/:user_id/verification-letters',
    scope: 'users:write',
    summary: 'Send the user the link by which they prove their address; the link is not in the answer',
    description: 'The older link dies. 409 where the address is proved already, or the user may not come in.',
    params: UserParams,
    status: 202,
    async handle({ params }) {
      await verification.send(await users.find(params.user_id));
    },
  }),
];
