// A small management API over nothing: every rule of the door can be asked of it.
import { randomBytes } from 'node:crypto';
import Koa from 'koa';
import request from 'supertest';
import { z } from 'zod';
import { type ApiOptions, createApi } from '../../src/api/routes.js';
import { systemClock } from '../../src/platform/clock.js';
import { currentContext, runInContext } from '../../src/platform/context.js';
import { Sealer } from '../../src/platform/crypto.js';
import { createDataSource } from '../../src/platform/data-source.js';
import { Database } from '../../src/platform/database.js';
import { type Endpoint, endpoint } from '../../src/platform/endpoint.js';
import { AppError, conflict } from '../../src/platform/errors.js';

const tenantId = '01890000-0000-7000-8000-000000000001';
export const issuer = 'https://id.example.com';

const CreateThing = z.strictObject({
  name: z.string().min(1),
  address: z.strictObject({ city: z.string() }).optional(),
  labels: z.array(z.strictObject({ text: z.string() })).optional(),
});

const ThingView = z
  .object({ id: z.string(), name: z.string(), inner: z.object({ shown: z.string() }).optional(), version: z.int() })
  .meta({ id: 'Thing' });

const byId = z.object({ thing_id: z.uuid() });

export const things = (seen: unknown[] = []): Endpoint[] => [
  endpoint({
    method: 'get',
    path: '/things',
    scope: 'things:read',
    summary: 'List things',
    query: z.strictObject({ limit: z.coerce.number().int().max(100).default(50), tag: z.array(z.string()).optional() }),
    response: z.object({ limit: z.number(), tags: z.array(z.string()), actor: z.string() }),
    handle: async ({ query }) => ({ limit: query.limit, tags: query.tag ?? [], actor: currentContext()?.actor?.id }),
  }),
  endpoint({
    method: 'post',
    path: '/things',
    scope: 'things:write',
    summary: 'Create a thing',
    body: CreateThing,
    status: 201,
    response: ThingView,
    async handle({ body }) {
      seen.push(body);
      return { id: '1', name: body.name, version: 1, secret: 'hidden', inner: { shown: 'yes', secret: 'hidden' } };
    },
  }),
  endpoint({
    method: 'get',
    path: '/things/:thing_id',
    scope: 'things:read',
    summary: 'Read a thing',
    params: byId,
    response: ThingView,
    handle: async ({ params }) => ({ id: params.thing_id, name: 'a', version: 7 }),
  }),
  endpoint({
    method: 'patch',
    path: '/things/:thing_id',
    scope: 'things:write',
    summary: 'Change a thing',
    params: byId,
    body: CreateThing.partial(),
    response: ThingView,
    async handle({ params, ifMatch }) {
      seen.push(ifMatch);
      return { id: params.thing_id, name: 'a', version: (ifMatch ?? 0) + 1 };
    },
  }),
  endpoint({
    method: 'delete',
    path: '/things/:thing_id',
    scope: 'things:write',
    summary: 'Delete a thing',
    params: byId,
    async handle({ ifMatch }) {
      seen.push(ifMatch);
    },
  }),
  endpoint({
    method: 'post',
    path: '/things/:thing_id/links',
    scope: 'things:write',
    summary: 'Send a link',
    params: byId,
    status: 202,
    handle: async () => undefined,
  }),
  endpoint({
    method: 'get',
    path: '/failures/:kind',
    scope: 'things:read',
    summary: 'Fail',
    params: z.object({ kind: z.enum(Object.keys(failures) as [string, ...string[]]) }),
    response: ThingView,
    handle: async ({ params }) => failures[params.kind]?.(),
  }),
];

const fail = (error: unknown) => () => {
  throw error;
};

/** What a handler may throw or return that is not an answer. */
const failures: Record<string, () => unknown> = {
  bug: fail(new Error('the password is hunter2')),
  mismatch: () => ({ id: 1, name: 'hunter2' }),
  conflict: fail(conflict('last_owner', 'An organization keeps at least one owner')),
  throttled: fail(new AppError(429, 'too_many', 'Too many', { retryAfter: 2.5 })),
  unique: fail(Object.assign(new Error('duplicate key hunter2'), { driverError: { code: '23505' } })),
  check: fail(Object.assign(new Error('check hunter2'), { code: '23514' })),
  serialization: fail(Object.assign(new Error('serialize'), { driverError: { code: '40001' } })),
  deadlock: fail(Object.assign(new Error('deadlock'), { code: '40P01' })),
  lock: fail(Object.assign(new Error('lock'), { code: '55P03' })),
  slow: fail(Object.assign(new Error('statement timeout'), { code: '57014' })),
  full: fail(Object.assign(new Error('too many connections'), { code: '53300' })),
  pool: fail(new Error('timeout exceeded when trying to connect')),
  refused: fail(new AggregateError([Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })])),
};

const scopesOfToken: Record<string, string[]> = {
  'token-all': ['things:read', 'things:write'],
  'token-other': ['things:read', 'things:write'],
  'token-read': ['things:read'],
  'token-editor': ['things:read'],
  'token-chief': ['things:read'],
  'token-nothing': [],
};

const rolesOfToken: Record<string, string[]> = { 'token-editor': ['EDITOR'], 'token-chief': ['CHIEF', 'EDITOR'] };

const disconnected = () =>
  new Database(createDataSource({ connection: { url: 'postgres://localhost:1/x' }, entities: [], migrations: [] }));

interface Logged {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

/** The API in a Koa application, as app.ts would mount it. */
export function serveApi(options: Partial<ApiOptions> = {}) {
  const logs: Logged[] = [];
  const log = (level: string) => (message: string, fields: Record<string, unknown>) =>
    logs.push({ level, message, fields });
  const router = createApi({
    endpoints: things(),
    authenticate: async ({ token }) =>
      scopesOfToken[token] && {
        actor: { type: 'client', id: token },
        scopes: new Set(scopesOfToken[token]),
        roles: rolesOfToken[token],
      },
    db: disconnected(),
    sealer: new Sealer(new Map([['k1', randomBytes(32)]])),
    clock: systemClock,
    logger: { warn: log('warn'), error: log('error') },
    issuer: () => issuer,
    version: '1.2.3',
    ...options,
  });
  const app = new Koa();
  app.use((_, next) => runInContext({ requestId: 'request-1', tenantId }, next));
  app.use(router.routes());
  return { http: request(app.callback()), logs };
}

export const bearer = (token = 'token-all') => ({ Authorization: `Bearer ${token}` });
