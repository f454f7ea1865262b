import { endpoint } from '../../platform/endpoint.js';
import { present, TokenEndingQuery, TokenEndingsView } from './token-ending.schema.js';
import type { TokenEndings } from './token-endings.js';

export const tokenEndingRoutes = (tokenEndings: TokenEndings) => [
  endpoint({
    method: 'get',
    path: '/token-endings',
    scope: 'token_endings:read',
    summary: 'Read which JWT access tokens have ended before they expire, as their resource server',
    query: TokenEndingQuery,
    response: TokenEndingsView,
    handle: async ({ query }) => present(await tokenEndings.read(query)),
  }),
];
