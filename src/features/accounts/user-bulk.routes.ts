import { counted } from '../../platform/bulk.js';
import { endpoint } from '../../platform/endpoint.js';
import type { UserBulk } from './user-bulk.js';
import { BulkUsers, BulkUsersResult } from './user-bulk.schema.js';

export const userBulkRoutes = (bulk: UserBulk) => [
  endpoint({
    method: 'post',
    path: '/users/bulk',
    scope: 'users:write',
    summary: 'Create, disable, enable or unlock up to a hundred users',
    description: 'Each is done or refused by itself, and says which.',
    body: BulkUsers,
    response: BulkUsersResult,
    handle: async ({ body }) => counted(await bulk.run(body.operations)),
  }),
];
