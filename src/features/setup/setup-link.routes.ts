import { endpoint } from '../../platform/endpoint.js';
import { TTL_SECONDS } from '../one-time-tokens/one-time-purposes.js';
import { SetupLinkView, TenantParams } from '../tenants/tenant.schema.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { SetupService } from './setup.service.js';

export const setupLinkRoutes = (tenants: TenantService, setup: SetupService) => [
  endpoint({
    method: 'post',
    path: '/tenants/:tenant/setup-links',
    scope: 'tenants:write',
    summary: 'Make the link that appoints the first administrator of a tenant; it is in this answer and in no other',
    params: TenantParams,
    status: 201,
    response: SetupLinkView,
    async handle({ params }) {
      return { link: await setup.issueLinkFor(await tenants.find(params.tenant)), expires_in: TTL_SECONDS.setup };
    },
  }),
];
