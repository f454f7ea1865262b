import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { mapPage, pageOf, pageQuery } from '../../platform/pagination.js';
import type { UserService } from '../users/user.service.js';
import type { Protocol } from './protocol.js';
import { ProtocolRequest } from './request.js';
import { type GrantRow, listGrants, listSessions, type SessionRow } from './session.queries.js';

const SessionView = z
  .object({
    id: z.string(),
    user_id: z.uuid(),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    acr: z.string().nullable(),
    amr: z.array(z.string()),
    clients: z.array(z.string()),
    created_at: z.iso.datetime(),
    last_active_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Session' });

const GrantView = z
  .object({
    id: z.string(),
    client_id: z.string(),
    user_id: z.uuid(),
    session_id: z.string().nullable(),
    scope: z.string(),
    resources: z.record(z.string(), z.string()),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Grant' });

const SessionQuery = z.strictObject({ ...pageQuery, user_id: z.uuid().optional() });
const GrantQuery = z.strictObject({
  ...pageQuery,
  user_id: z.uuid().optional(),
  client_id: z.string().max(128).optional(),
});

export const sessionRoutes = (db: Database, protocol: Protocol, users: UserService, clock: Clock) => [
  endpoint({
    method: 'get',
    path: '/sessions',
    scope: 'sessions:read',
    summary: 'List live sessions, newest first',
    query: SessionQuery,
    response: pageOf(SessionView),
    handle: async ({ query }) => mapPage(await db.reading(() => listSessions(db, query, clock.now())), presentSession),
  }),
  endpoint({
    method: 'delete',
    path: '/sessions/:session_id',
    scope: 'sessions:write',
    summary: 'End a session, and the tokens that end with it',
    params: z.strictObject({ session_id: z.string().min(1).max(128) }),
    handle: ({ params }) => protocol.sessions.endKnown(new ProtocolRequest(), params.session_id, 'revoked'),
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/sessions',
    scope: 'sessions:write',
    summary: 'End all sessions of a user',
    params: z.strictObject({ user_id: z.uuid() }),
    async handle({ params }) {
      const { id } = await users.find(params.user_id);
      await protocol.sessions.endAll(id, 'revoked');
    },
  }),
  endpoint({
    method: 'get',
    path: '/grants',
    scope: 'grants:read',
    summary: 'List what users have allowed clients, newest first',
    query: GrantQuery,
    response: pageOf(GrantView),
    handle: async ({ query }) => mapPage(await db.reading(() => listGrants(db, query, clock.now())), presentGrant),
  }),
  endpoint({
    method: 'delete',
    path: '/grants/:grant_id',
    scope: 'grants:write',
    summary: 'Revoke a grant, and every token made from it',
    params: z.strictObject({ grant_id: z.string().min(1).max(128) }),
    handle: ({ params }) => protocol.grants.endKnown(params.grant_id, 'revoked'),
  }),
];

const presentSession = (row: SessionRow) => ({
  id: row.uid,
  user_id: row.account_id,
  ip: row.ip,
  user_agent: row.user_agent,
  acr: row.acr,
  amr: row.amr ?? [],
  clients: row.clients,
  created_at: row.created_at.toISOString(),
  last_active_at: row.updated_at.toISOString(),
  expires_at: row.expires_at.toISOString(),
});

const presentGrant = (row: GrantRow) => ({
  id: row.id,
  client_id: row.client_id,
  user_id: row.account_id,
  session_id: row.session_uid,
  scope: row.openid_scope ?? '',
  resources: row.resources ?? {},
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at.toISOString(),
});
