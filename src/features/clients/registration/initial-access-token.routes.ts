import type { Database } from '../../../platform/database.js';
import { endpoint } from '../../../platform/endpoint.js';
import { mapPage, pageOf } from '../../../platform/pagination.js';
import { listInitialAccessTokens } from './initial-access-token.queries.js';
import {
  InitialAccessTokenParams,
  InitialAccessTokenQuery,
  InitialAccessTokenView,
  IssuedInitialAccessTokenView,
  IssueInitialAccessToken,
  present,
} from './initial-access-token.schema.js';
import type { InitialAccessTokens } from './initial-access-tokens.js';

export const initialAccessTokenRoutes = (db: Database, tokens: InitialAccessTokens) => [
  endpoint({
    method: 'get',
    path: '/initial-access-tokens',
    scope: 'clients:read',
    summary: 'List the tokens with which clients may register themselves, newest first',
    query: InitialAccessTokenQuery,
    response: pageOf(InitialAccessTokenView),
    handle: async ({ query }) => mapPage(await db.reading(() => listInitialAccessTokens(db, query)), present),
  }),
  endpoint({
    method: 'post',
    path: '/initial-access-tokens',
    scope: 'clients:write',
    summary: 'Issue a token with which clients may register themselves; it is in this answer and in no other',
    body: IssueInitialAccessToken,
    status: 201,
    response: IssuedInitialAccessTokenView,
    async handle({ body }) {
      const { token, value } = await tokens.issue(body);
      return { ...present(token), initial_access_token: value };
    },
  }),
  endpoint({
    method: 'get',
    path: '/initial-access-tokens/:initial_access_token_id',
    scope: 'clients:read',
    summary: 'Read how often a token was used',
    params: InitialAccessTokenParams,
    response: InitialAccessTokenView,
    handle: async ({ params }) => present(await tokens.find(params.initial_access_token_id)),
  }),
  endpoint({
    method: 'delete',
    path: '/initial-access-tokens/:initial_access_token_id',
    scope: 'clients:write',
    summary: 'Revoke a token; the clients it has registered stay',
    params: InitialAccessTokenParams,
    async handle({ params }) {
      await tokens.revoke(await tokens.find(params.initial_access_token_id));
    },
  }),
];
