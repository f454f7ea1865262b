import { z } from 'zod';
import { endpoint } from '../../platform/endpoint.js';
import {
  AddSecret,
  ClientParams,
  ClientSecretView,
  CreatedClientSecretView,
  presentSecret,
  SecretParams,
} from './client.schema.js';
import type { ClientService } from './client.service.js';

export const clientSecretRoutes = (clients: ClientService) => [
  endpoint({
    method: 'get',
    path: '/clients/:client_id/secrets',
    scope: 'clients:read',
    summary: 'List the secrets of a client by their last characters',
    params: ClientParams,
    response: z.object({ items: z.array(ClientSecretView) }),
    async handle({ params }) {
      const secrets = await clients.listSecrets(await clients.find(params.client_id));
      return { items: secrets.map(presentSecret) };
    },
  }),
  endpoint({
    method: 'post',
    path: '/clients/:client_id/secrets',
    scope: 'clients:write',
    summary: 'Add a second secret, so that the first can be taken out of use',
    params: ClientParams,
    body: AddSecret,
    status: 201,
    response: CreatedClientSecretView,
    async handle({ params, body }) {
      const { secret, value } = await clients.addSecret(await clients.find(params.client_id), body);
      return { ...presentSecret(secret), client_secret: value };
    },
  }),
  endpoint({
    method: 'delete',
    path: '/clients/:client_id/secrets/:secret_id',
    scope: 'clients:write',
    summary: 'Delete a secret',
    params: SecretParams,
    async handle({ params }) {
      await clients.removeSecret(await clients.find(params.client_id), params.secret_id);
    },
  }),
];
