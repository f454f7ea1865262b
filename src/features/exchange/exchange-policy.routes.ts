import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { ExchangePolicies } from './exchange-policies.js';
import { listExchangePolicies } from './exchange-policy.queries.js';
import {
  CreateExchangePolicy,
  ExchangePolicyParams,
  ExchangePolicyQuery,
  ExchangePolicyView,
  present,
  UpdateExchangePolicy,
} from './exchange-policy.schema.js';

export const exchangePolicyRoutes = (db: Database, policies: ExchangePolicies) => [
  endpoint({
    method: 'get',
    path: '/exchange-policies',
    scope: 'exchange:read',
    summary: 'List exchange policies',
    query: ExchangePolicyQuery,
    response: pageOf(ExchangePolicyView),
    handle: async ({ query }) => mapPage(await db.reading(() => listExchangePolicies(db, query)), present),
  }),
  endpoint({
    method: 'post',
    path: '/exchange-policies',
    scope: 'exchange:write',
    summary: 'Let a client exchange tokens',
    body: CreateExchangePolicy,
    status: 201,
    response: ExchangePolicyView,
    handle: async ({ body }) => present(await policies.create(body)),
  }),
  endpoint({
    method: 'get',
    path: '/exchange-policies/:policy_id',
    scope: 'exchange:read',
    summary: 'Read an exchange policy',
    params: ExchangePolicyParams,
    response: ExchangePolicyView,
    handle: async ({ params }) => present(await policies.find(params.policy_id)),
  }),
  endpoint({
    method: 'patch',
    path: '/exchange-policies/:policy_id',
    scope: 'exchange:write',
    summary: 'Change an exchange policy',
    params: ExchangePolicyParams,
    body: UpdateExchangePolicy,
    response: ExchangePolicyView,
    handle: async ({ params, body, ifMatch }) =>
      present(await policies.update(await policies.find(params.policy_id), body, ifMatch)),
  }),
  endpoint({
    method: 'delete',
    path: '/exchange-policies/:policy_id',
    scope: 'exchange:write',
    summary: 'Delete an exchange policy',
    params: ExchangePolicyParams,
    async handle({ params, ifMatch }) {
      await policies.delete(await policies.find(params.policy_id), ifMatch);
    },
  }),
];
