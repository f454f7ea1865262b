import { currentTenantId } from '../../platform/context.js';
import { endpoint } from '../../platform/endpoint.js';
import { OwnSettingsView, presentOwn, UpdateOwnSettings } from './own-settings.schema.js';
import type { TenantService } from './tenant.service.js';

/** Mounted at every tenant, about itself. */
export const ownSettingsRoutes = (tenants: TenantService) => [
  endpoint({
    method: 'get',
    path: '/settings',
    scope: 'settings:read',
    summary: 'Read the settings of this tenant',
    response: OwnSettingsView,
    handle: async () => presentOwn(await tenants.find(currentTenantId())),
  }),
  endpoint({
    method: 'patch',
    path: '/settings',
    scope: 'settings:write',
    summary: 'Change settings of this tenant, its branding among them; null goes back to the default',
    description:
      'Each setting that is named is replaced whole. Host, protocol, signing keys and the tier of the API are set by the operators of the installation.',
    body: UpdateOwnSettings,
    response: OwnSettingsView,
    handle: async ({ body, ifMatch }) =>
      presentOwn(await tenants.update(await tenants.find(currentTenantId()), body, ifMatch)),
  }),
];
