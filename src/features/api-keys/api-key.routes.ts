import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { ApiKey } from './api-key.entity.js';
import { listApiKeys, usageOf } from './api-key.queries.js';
import {
  ApiKeyParams,
  ApiKeyQuery,
  ApiKeyView,
  CreateApiKey,
  MadeApiKeyView,
  present,
  RotateApiKey,
  UpdateApiKey,
  UsageQuery,
  UsageView,
} from './api-key.schema.js';
import type { ApiKeys } from './api-keys.js';

const dayMs = 86_400_000;

export const apiKeyRoutes = (db: Database, keys: ApiKeys, clock: Clock) => {
  const view = (key: ApiKey) => present(key, clock.now());
  const day = (ago = 0) => new Date(clock.now().getTime() - ago * dayMs).toISOString().slice(0, 10);
  return [
    endpoint({
      method: 'get',
      path: '/api-keys',
      scope: 'api_keys:read',
      summary: 'List API keys by how they begin, newest first; those that have ended for a month',
      query: ApiKeyQuery,
      response: pageOf(ApiKeyView),
      handle: async ({ query }) => mapPage(await db.reading(() => listApiKeys(db, query)), view),
    }),
    endpoint({
      method: 'post',
      path: '/api-keys',
      scope: 'api_keys:write',
      summary: 'Make an API key; it is in this answer and in no other',
      body: CreateApiKey,
      status: 201,
      response: MadeApiKeyView,
      async handle({ body }) {
        const { key, value } = await keys.create(body);
        return { ...view(key), api_key: value };
      },
    }),
    endpoint({
      method: 'get',
      path: '/api-keys/:api_key_id',
      scope: 'api_keys:read',
      summary: 'Read an API key, never what it is',
      params: ApiKeyParams,
      response: ApiKeyView,
      handle: async ({ params }) => view(await keys.find(params.api_key_id)),
    }),
    endpoint({
      method: 'patch',
      path: '/api-keys/:api_key_id',
      scope: 'api_keys:write',
      summary: 'Change what an API key may do, from where, how often and until when',
      params: ApiKeyParams,
      body: UpdateApiKey,
      response: ApiKeyView,
      handle: async ({ params, body, ifMatch }) =>
        view(await keys.update(await keys.find(params.api_key_id), body, ifMatch)),
    }),
    endpoint({
      method: 'delete',
      path: '/api-keys/:api_key_id',
      scope: 'api_keys:write',
      summary: 'Revoke an API key: its next use fails',
      params: ApiKeyParams,
      async handle({ params, ifMatch }) {
        await keys.revoke(await keys.find(params.api_key_id), ifMatch);
      },
    }),
    endpoint({
      method: 'post',
      path: '/api-keys/:api_key_id/rotations',
      scope: 'api_keys:write',
      summary: 'Put another key in its place; the one in use is good for a while as well',
      params: ApiKeyParams,
      body: RotateApiKey,
      status: 201,
      response: MadeApiKeyView,
      async handle({ params, body }) {
        const { key, value } = await keys.rotate(await keys.find(params.api_key_id), body);
        return { ...view(key), api_key: value };
      },
    }),
    endpoint({
      method: 'get',
      path: '/api-keys/:api_key_id/usage',
      scope: 'api_keys:read',
      summary: 'How often an API key was used, day by day (UTC); up to a minute late',
      params: ApiKeyParams,
      query: UsageQuery,
      response: UsageView,
      async handle({ params, query }) {
        const { id } = await keys.find(params.api_key_id);
        const { from = day(30), to = day() } = query;
        return { items: await db.reading(() => usageOf(db, id, `${from}T00:00:00Z`, `${to}T00:00:00Z`)) };
      },
    }),
  ];
};
