import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { Tenant } from './tenant.entity.js';
import { listTenants } from './tenant.queries.js';
import { CreateTenant, present, TenantParams, TenantQuery, TenantView, UpdateTenant } from './tenant.schema.js';
import type { TenantService } from './tenant.service.js';

/** Mounted at the tenant `default` only: whoever operates the installation makes and ends tenants. */
export const tenantRoutes = (db: Database, tenants: TenantService) => {
  const view = (tenant: Tenant) => present(tenant, tenants.issuerOf(tenant));
  return [
    endpoint({
      method: 'get',
      path: '/tenants',
      scope: 'tenants:read',
      summary: 'List tenants, newest first',
      query: TenantQuery,
      response: pageOf(TenantView),
      handle: async ({ query }) => mapPage(await listTenants(db, query), view),
    }),
    endpoint({
      method: 'post',
      path: '/tenants',
      scope: 'tenants:write',
      summary: 'Create a tenant: an issuer with users, clients and keys of its own',
      body: CreateTenant,
      status: 201,
      response: TenantView,
      handle: async ({ body }) => view(await tenants.create(body)),
    }),
    endpoint({
      method: 'get',
      path: '/tenants/:tenant',
      scope: 'tenants:read',
      summary: 'Read a tenant',
      params: TenantParams,
      response: TenantView,
      handle: async ({ params }) => view(await tenants.find(params.tenant)),
    }),
    endpoint({
      method: 'patch',
      path: '/tenants/:tenant',
      scope: 'tenants:write',
      summary: 'Change a tenant; null takes a host or a setting away',
      description:
        'Another host is another issuer: what the old one has signed is nobody’s any more, browsers sign in again, and clients must learn the new one. Opaque and refresh tokens are bound to the tenant and go on there.',
      params: TenantParams,
      body: UpdateTenant,
      response: TenantView,
      handle: async ({ params, body, ifMatch }) =>
        view(await tenants.update(await tenants.find(params.tenant), body, ifMatch)),
    }),
    endpoint({
      method: 'delete',
      path: '/tenants/:tenant',
      scope: 'tenants:write',
      summary: 'Delete a tenant and everything it has',
      description:
        'It stops answering at once; its rows go in the background. Its slug is free when it is not found any more.',
      params: TenantParams,
      status: 202,
      response: TenantView,
      handle: async ({ params, ifMatch }) => view(await tenants.delete(await tenants.find(params.tenant), ifMatch)),
    }),
    endpoint({
      method: 'put',
      path: '/tenants/:tenant/suspension',
      scope: 'tenants:write',
      summary: 'Suspend a tenant: nobody is answered there',
      params: TenantParams,
      async handle({ params, ifMatch }) {
        await tenants.suspend(await tenants.find(params.tenant), ifMatch);
      },
    }),
    endpoint({
      method: 'delete',
      path: '/tenants/:tenant/suspension',
      scope: 'tenants:write',
      summary: 'Resume a tenant',
      params: TenantParams,
      async handle({ params, ifMatch }) {
        await tenants.resume(await tenants.find(params.tenant), ifMatch);
      },
    }),
  ];
};
