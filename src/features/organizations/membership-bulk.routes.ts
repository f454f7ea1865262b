import { counted } from '../../platform/bulk.js';
import { endpoint } from '../../platform/endpoint.js';
import type { MembershipBulk } from './membership-bulk.js';
import { BulkMembers, BulkResult } from './membership-bulk.schema.js';
import { OrganizationParams } from './organization.schema.js';
import type { OrganizationService } from './organization.service.js';

export const membershipBulkRoutes = (organizations: OrganizationService, bulk: MembershipBulk) => [
  endpoint({
    method: 'post',
    path: '/organizations/:organization/members/bulk',
    scope: 'organizations:write',
    member: 'admin',
    proof: ({ body: { operations } }) =>
      operations.some((one) => 'role' in one && one.role === 'owner') || operations.map(({ user_id }) => user_id),
    summary: 'Add, change, remove, suspend or resume up to a hundred members',
    description:
      'Each is done or refused by itself, and says which. To add takes a token: with the session of an account people are invited.',
    params: OrganizationParams,
    body: BulkMembers,
    response: BulkResult,
    handle: async ({ params, body }) =>
      counted(await bulk.run(await organizations.find(params.organization), body.operations)),
  }),
];
