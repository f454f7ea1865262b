import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import { listClients } from './client.queries.js';
import {
  ClientParams,
  ClientQuery,
  ClientView,
  CreateClient,
  CreatedClientView,
  present,
  UpdateClient,
} from './client.schema.js';
import type { ClientService } from './client.service.js';

export const clientRoutes = (db: Database, clients: ClientService) => [
  endpoint({
    method: 'get',
    path: '/clients',
    scope: 'clients:read',
    summary: 'List clients',
    query: ClientQuery,
    response: pageOf(ClientView),
    handle: async ({ query }) => mapPage(await db.reading(() => listClients(db, query)), present),
  }),
  endpoint({
    method: 'post',
    path: '/clients',
    scope: 'clients:write',
    summary: 'Create a client; its secret is in this answer and in no other',
    body: CreateClient,
    status: 201,
    response: CreatedClientView,
    async handle({ body }) {
      const { client, secret } = await clients.create(body);
      return { ...present(client), ...(secret ? { client_secret: secret, client_secret_expires_at: 0 } : {}) };
    },
  }),
  endpoint({
    method: 'get',
    path: '/clients/:client_id',
    scope: 'clients:read',
    summary: 'Read a client',
    params: ClientParams,
    response: ClientView,
    handle: async ({ params }) => present(await clients.find(params.client_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/clients/:client_id',
    scope: 'clients:write',
    summary: 'Change a client; null takes a member away',
    params: ClientParams,
    body: UpdateClient,
    response: ClientView,
    handle: async ({ params, body, ifMatch }) =>
      present(await clients.update(await clients.find(params.client_id), body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/clients/:client_id',
    scope: 'clients:write',
    summary: 'Delete a client',
    params: ClientParams,
    async handle({ params, ifMatch }) {
      await clients.delete(await clients.find(params.client_id), ifMatch);
    },
  }),
  endpoint({
    method: 'put',
    path: '/clients/:client_id/suspension',
    scope: 'clients:write',
    summary: 'Disable a client',
    params: ClientParams,
    async handle({ params }) {
      await clients.disable(await clients.find(params.client_id));
    },
  }),
  endpoint({
    method: 'delete',
    path: '/clients/:client_id/suspension',
    scope: 'clients:write',
    summary: 'Enable a client',
    params: ClientParams,
    async handle({ params }) {
      await clients.enable(await clients.find(params.client_id));
    },
  }),
];
