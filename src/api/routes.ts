// The management API: endpoint objects in, a router out. Owns bearer check, bodies, preconditions, repetition and problem details.
// Hands off to each endpoint's handle, with the actor in the context; app.ts mounts it below the tenant's prefix.
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Clock } from '../platform/clock.js';
import { withContext } from '../platform/context.js';
import type { Sealer } from '../platform/crypto.js';
import type { Database } from '../platform/database.js';
import type { Endpoint } from '../platform/endpoint.js';
import { AppError, notFound } from '../platform/errors.js';
import { type Logger, problems } from '../platform/problem.js';
import { type Authenticate, requireBearer } from './bearer.js';
import { assertContract } from './contract.js';
import { IdempotencyKeys } from './idempotency.js';
import { buildOpenApi, withIssuer } from './openapi.js';
import { requireAcceptable, type Serving, send, serveEndpoint } from './serving.js';

export interface ApiOptions {
  endpoints: readonly Endpoint[];
  authenticate: Authenticate;
  db: Database;
  sealer: Sealer;
  clock: Clock;
  logger: Logger;
  /** The issuer of the tenant being asked; its API is the audience `{issuer}/api`. */
  issuer: (ctx: Context) => string;
  /** As Serving has it. */
  organization?: Serving['organization'];
  /** Of the software, printed in the OpenAPI document. */
  version: string;
  /** Where the router answers, after the tenant's own prefix has been taken off. */
  prefix?: string;
}

/** @throws Error when an endpoint object breaks its contract. */
export function createApi(options: ApiOptions): Router {
  const { endpoints, logger, issuer, version, prefix = '/api/v1' } = options;
  assertContract(endpoints);
  // Printed for the first who asks: most processes are never asked.
  let printed: ReturnType<typeof buildOpenApi> | undefined;
  const document = () => {
    printed ??= buildOpenApi(endpoints, { issuer: 'https://id.example.com', version, prefix });
    return printed;
  };
  const keys = new IdempotencyKeys(options.db, options.sealer, options.clock);
  const serving = { keys, organization: options.organization };
  // One address, one resource: case and trailing slashes are not folded.
  const router = new Router({ prefix, sensitive: true, strict: true });
  const guarded = problems(logger);

  router.get('/openapi.json', guarded, (ctx) => {
    requireAcceptable(ctx);
    send(ctx, { status: 200, body: JSON.stringify(withIssuer(document(), issuer(ctx), prefix)) });
  });
  for (const endpoint of endpoints)
    router.register(endpoint.path, [endpoint.method], [guarded, (ctx) => serve(ctx, endpoint, options, serving)]);
  // What is left has either another method or no resource at all.
  router.all('{/{*rest}}', guarded, (ctx) => refuse(ctx, router));
  return router;
}

async function serve(ctx: Context, endpoint: Endpoint, options: ApiOptions, serving: Serving): Promise<void> {
  const { authenticate, issuer } = options;
  const { actor } = await requireBearer(ctx, { authenticate, realm: `${issuer(ctx)}/api`, scope: endpoint.scope });
  await withContext({ actor }, () => serveEndpoint(ctx, endpoint, { actor }, serving));
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
