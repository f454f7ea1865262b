// The management API: endpoint objects in, a router out. Owns bearer check, bodies, preconditions, repetition and problem details.
// Hands off to each endpoint's handle, with the actor in the context; app.ts mounts it below the tenant's prefix.
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Clock } from '../platform/clock.js';
import { enterActor, withContext } from '../platform/context.js';
import type { Sealer } from '../platform/crypto.js';
import type { Database } from '../platform/database.js';
import type { Endpoint } from '../platform/endpoint.js';
import { AppError, notFound } from '../platform/errors.js';
import type { EventStreams } from '../platform/event-streams.js';
import { type Logger, problems } from '../platform/problem.js';
import { isMet } from '../platform/requirement.js';
import { type Authenticate, type Bearer, requireBearer, stillBearer } from './bearer.js';
import { assertContract } from './contract.js';
import { IdempotencyKeys } from './idempotency.js';
import { requireAcceptable, type Serving, send, serveEndpoint } from './serving.js';
import { serveStream } from './stream.js';

export interface ApiOptions {
  endpoints: readonly Endpoint[];
  authenticate: Authenticate;
  /** Before it is known who asks. @throws AppError where nobody is answered. */
  admit?: (ctx: Context) => Promise<void>;
  /** As requireBearer takes it. */
  spend?: (ctx: Context, bearer: Bearer) => Promise<void>;
  db: Database;
  sealer: Sealer;
  clock: Clock;
  logger: Logger;
  /** Of those who listen; absent where nothing can be listened to. */
  streams?: EventStreams;
  /** The issuer of the tenant being asked; its API is the audience `{issuer}/api`. */
  issuer: (ctx: Context) => string;
  /** As Serving has them. */
  organization?: Serving['organization'];
  namedInHeader?: Serving['namedInHeader'];
  /** Whoever is known may be turned away yet. @throws AppError */
  admitBearer?: (ctx: Context, endpoint: Endpoint, bearer: Bearer) => Promise<void>;
  /** Of the software, printed in the OpenAPI document. */
  version: string;
  /** Where the router answers, after the tenant's own prefix has been taken off. */
  prefix?: string;
}

/** @throws Error when an endpoint object breaks its contract. */
export function createApi(options: ApiOptions): Router {
  const { endpoints, logger, issuer, version, prefix = '/api/v1' } = options;
  assertContract(endpoints);
  // Loaded and printed for the first who asks: most processes are never asked.
  const printed = async () => {
    const { buildOpenApi, withIssuer } = await import('./openapi.js');
    const document = buildOpenApi(endpoints, { issuer: 'https://id.example.com', version, prefix });
    return (issuer: string) => JSON.stringify(withIssuer(document, issuer, prefix));
  };
  let print: ReturnType<typeof printed> | undefined;
  const keys = new IdempotencyKeys(options.db, options.sealer, options.clock);
  const serving = { keys, organization: options.organization, namedInHeader: options.namedInHeader };
  // One address, one resource: case and trailing slashes are not folded.
  const router = new Router({ prefix, sensitive: true, strict: true });
  const guarded = problems(logger);

  router.get('/openapi.json', guarded, async (ctx) => {
    requireAcceptable(ctx);
    print ??= printed();
    send(ctx, { status: 200, body: (await print)(issuer(ctx)) });
  });
  for (const endpoint of endpoints)
    router.register(endpoint.path, [endpoint.method], [guarded, (ctx) => serve(ctx, endpoint, options, serving)]);
  // What is left has either another method or no resource at all.
  router.all('{/{*rest}}', guarded, (ctx) => refuse(ctx, router));
  return router;
}

async function serve(ctx: Context, endpoint: Endpoint, options: ApiOptions, serving: Serving): Promise<void> {
  const { authenticate, issuer, admit, admitBearer, spend } = options;
  const realm = `${issuer(ctx)}/api`;
  await admit?.(ctx);
  const { scope, role } = endpoint;
  const bearer = await requireBearer(ctx, { authenticate, realm, scope, role, spend });
  await admitBearer?.(ctx, endpoint, bearer);
  const { actor, organizationId, again } = bearer;
  const asking = { actor, organizationId };
  // The sender says when a body ends: by then a token may have ended, and who has it may do less.
  const isThere = ctx.req.complete;
  const admitLate = async () => {
    const now = await stillBearer(ctx, bearer, { realm, scope, role });
    await admitBearer?.(ctx, endpoint, now);
    enterActor(now.actor);
  };
  const admitting = isThere ? asking : { ...asking, admit: admitLate };
  if (!endpoint.stream) return withContext({ actor }, () => serveEndpoint(ctx, endpoint, admitting, serving));
  const mayGoOn = async () => {
    const now = await again?.();
    if (!now || !isMet(scope, now.scopes) || (role && !isMet(role, new Set(now.roles)))) return false;
    await admitBearer?.(ctx, endpoint, now);
    return true;
  };
  await withContext({ actor }, () =>
    serveStream(ctx, endpoint, asking, { ...serving, streams: options.streams, mayGoOn }),
  );
}

function refuse(ctx: Context, router: Router): void {
  const there = router.match(ctx.path, ctx.method).path.filter((layer) => !layer.paramNames.some(isRest));
  const methods = [...new Set(there.flatMap((layer) => layer.methods))].sort();
  if (methods.length === 0) throw notFound('resource');
  const allow = { Allow: methods.join(', ') };
  if (ctx.method !== 'OPTIONS')
    throw new AppError(405, 'method_not_allowed', `This answers ${allow.Allow}`, { headers: allow });
  ctx.set(allow);
  ctx.status = 204;
}

const isRest = ({ name }: { name: string | number }) => name === 'rest';
