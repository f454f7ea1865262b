import { endpoint } from '../../platform/endpoint.js';
import { BeginMaintenance, MaintenanceView, present } from './maintenance.schema.js';
import type { Maintenance } from './maintenance.service.js';

const meanwhile =
  'People read that it is closed, sign-ins and grants of people are refused with 503 and Retry-After; keys, metadata, introspection and userinfo answer as ever, and whoever holds maintenance:write or administers the tenant comes in here.';

export const maintenanceRoutes = (maintenance: Maintenance) => [
  endpoint({
    method: 'get',
    path: '/maintenance',
    scope: 'health:read',
    summary: 'Read whether this tenant is closed for maintenance by its own administrators',
    response: MaintenanceView,
    handle: async () => present(await maintenance.read('tenant')),
  }),
  endpoint({
    method: 'put',
    path: '/maintenance',
    scope: 'maintenance:write',
    summary: 'Close this tenant for maintenance, or say anew why and until when',
    description: meanwhile,
    body: BeginMaintenance,
    response: MaintenanceView,
    handle: async ({ body }) => present(await maintenance.begin('tenant', body)),
  }),
  endpoint({
    method: 'delete',
    path: '/maintenance',
    scope: 'maintenance:write',
    summary: 'Open this tenant again',
    handle: () => maintenance.end('tenant'),
  }),
];

/** Mounted at the tenant `default` only. */
export const installationMaintenanceRoutes = (maintenance: Maintenance) => [
  endpoint({
    method: 'get',
    path: '/installation/maintenance',
    scope: 'tenants:read',
    summary: 'Read whether all tenants are closed for maintenance',
    response: MaintenanceView,
    handle: async () => present(await maintenance.read('installation')),
  }),
  endpoint({
    method: 'put',
    path: '/installation/maintenance',
    scope: 'tenants:write',
    summary: 'Close all tenants for maintenance, or say anew why and until when',
    description: meanwhile,
    body: BeginMaintenance,
    response: MaintenanceView,
    handle: async ({ body }) => present(await maintenance.begin('installation', body)),
  }),
  endpoint({
    method: 'delete',
    path: '/installation/maintenance',
    scope: 'tenants:write',
    summary: 'Open all tenants again that are not closed by their own administrators',
    handle: () => maintenance.end('installation'),
  }),
];
