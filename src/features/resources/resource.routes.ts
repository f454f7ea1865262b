import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { ProtectedResourceMetadata, protectedResourceMetadata } from './protected-resource.js';
import { listResources } from './resource.queries.js';
import {
  CreateResource,
  present,
  ResourceParams,
  ResourceQuery,
  ResourceView,
  UpdateResource,
} from './resource.schema.js';
import type { ResourceService } from './resource.service.js';

export const resourceRoutes = (db: Database, resources: ResourceService, tenants: TenantService) => [
  endpoint({
    method: 'get',
    path: '/resources',
    scope: 'resources:read',
    summary: 'List resource servers',
    query: ResourceQuery,
    response: pageOf(ResourceView),
    handle: async ({ query }) => mapPage(await db.reading(() => listResources(db, query)), present),
  }),
  endpoint({
    method: 'post',
    path: '/resources',
    scope: 'resources:write',
    summary: 'Create a resource server',
    body: CreateResource,
    status: 201,
    response: ResourceView,
    handle: async ({ body }) => present(await resources.create(body)),
  }),
  endpoint({
    method: 'get',
    path: '/resources/:resource_id',
    scope: 'resources:read',
    summary: 'Read a resource server',
    params: ResourceParams,
    response: ResourceView,
    handle: async ({ params }) => present(await resources.find(params.resource_id)),
  }),
  endpoint({
    method: 'get',
    path: '/resources/:resource_id/metadata',
    scope: 'resources:read',
    summary: 'Read the protected resource metadata that a resource server hosts itself (RFC 9728)',
    params: ResourceParams,
    response: ProtectedResourceMetadata,
    handle: async ({ params }) =>
      protectedResourceMetadata(await resources.find(params.resource_id), tenants.issuerOf(await tenants.current())),
  }),
  endpoint({
    method: 'patch',
    path: '/resources/:resource_id',
    scope: 'resources:write',
    summary: 'Change a resource server',
    params: ResourceParams,
    body: UpdateResource,
    response: ResourceView,
    handle: async ({ params, body, ifMatch }) =>
      present(await resources.update(await resources.find(params.resource_id), body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/resources/:resource_id',
    scope: 'resources:write',
    summary: 'Delete a resource server',
    params: ResourceParams,
    async handle({ params, ifMatch }) {
      await resources.delete(await resources.find(params.resource_id), ifMatch);
    },
  }),
];
