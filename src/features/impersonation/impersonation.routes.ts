// Acting for a person, with a reason that they read.
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf } from '../../platform/pagination.js';
import type { ActingTokens } from '../protocol/acting-tokens.js';
import { UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import { listImpersonations, present } from './impersonation.queries.js';
import {
  BeginImpersonation,
  BegunView,
  ImpersonationParams,
  ImpersonationQuery,
  ImpersonationView,
} from './impersonation.schema.js';
import type { Impersonations } from './impersonations.js';

interface Dependencies {
  db: Database;
  users: UserService;
  impersonations: Impersonations;
  tokens: ActingTokens;
}

export const impersonationRoutes = ({ db, users, impersonations, tokens }: Dependencies) => [
  endpoint({
    method: 'get',
    path: '/users/:user_id/impersonations',
    scope: 'users:read',
    summary: 'List who has acted for a user, why and until when, newest first',
    params: UserParams,
    query: ImpersonationQuery,
    response: pageOf(ImpersonationView),
    async handle({ params, query }) {
      const { id } = await users.find(params.user_id);
      return mapPage(await db.reading(() => listImpersonations(db, id, query)), present);
    },
  }),
  endpoint({
    method: 'post',
    path: '/users/:user_id/impersonations',
    scope: 'users:impersonate',
    summary: 'Act for a user at one resource, with a reason that they read',
    description:
      'An access token for the user that says who acts (`act`, RFC 8693 §4.1), and nothing beside it. A person asks with a token of their own, for nobody who may do more than they do; 403 `impersonation_off` until the settings of the tenant allow it.',
    params: UserParams,
    body: BeginImpersonation,
    status: 201,
    response: BegunView,
    async handle({ params, body }) {
      const { id, token, seconds } = await impersonations.begin(await users.find(params.user_id), body, tokens);
      return {
        id,
        access_token: token,
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: seconds,
        scope: body.scope,
      };
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/impersonations/:impersonation_id',
    scope: 'users:impersonate',
    summary: 'Stop acting for a user now',
    params: ImpersonationParams,
    async handle({ params }) {
      await impersonations.end(await users.find(params.user_id), params.impersonation_id);
    },
  }),
];
