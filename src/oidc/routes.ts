// The engine's own endpoints, mounted as they are registered: a path that is not byte-equal to one of them never reaches the engine, which
// would fold case and trailing slashes. Owns the limits in front of it; hands off to the Provider of the tenant.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import type { Context, Middleware } from 'koa';
import { routes } from '../../config/protocol.js';
import { currentTenantId } from '../platform/context.js';
import { clientKey, type Limiter, type RateLimits } from '../platform/rate-limit.js';
import type { ProviderPool } from './provider-pool.js';
import { discoveryRoutes } from './published.js';

const exact = new Set<string>([
  routes.authorization,
  routes.token,
  routes.userinfo,
  routes.jwks,
  routes.introspection,
  routes.revocation,
  routes.registration,
  routes.pushed_authorization_request,
  routes.end_session,
  `${routes.end_session}/confirm`,
  `${routes.end_session}/success`,
  ...discoveryRoutes,
]);

/** Below these the engine has one more segment: an id of its own making. */
const withId = [routes.authorization, routes.registration];
const id = /^\/[A-Za-z0-9_-]{1,128}$/;

/** Where a wrong secret, code or token can be tried. */
const guessable = new Set<string>([
  routes.token,
  routes.userinfo,
  routes.introspection,
  routes.revocation,
  routes.registration,
  routes.pushed_authorization_request,
]);

/** OpenID Connect Core §3.1.2.1 and RP-Initiated Logout 1.0 §2: requests that a browser may also send as a form. */
const alsoAsForm = new Set<string>([routes.authorization, routes.end_session]);
const form = bodyParser({ enableTypes: ['form'], formLimit: '8kb' });

export function routeOf(path: string): string | undefined {
  if (exact.has(path)) return path;
  const parent = withId.find((one) => path.startsWith(`${one}/`) && id.test(path.slice(one.length)));
  return parent && `${parent}/:id`;
}

/** Asked by programs, most of all requests: they need no page, and take the short way (express.ts). */
export const machineRoutes: readonly string[] = [
  routes.token,
  routes.userinfo,
  routes.introspection,
  routes.revocation,
  routes.pushed_authorization_request,
  routes.jwks,
  ...discoveryRoutes,
];

type Limit = { points: number; seconds: number };
type Allowed = { protocolFailures: Limit; authorizations: Limit };

/** @param head names and values in turn, of what every answer says beside its own. */
type Answer = (res: ServerResponse, head?: readonly string[]) => Promise<void>;

/** The engine's endpoints, whichever way a request comes to them. */
export class EngineDoor {
  private readonly failures: Limiter;
  readonly authorizations: Limiter;

  constructor(
    private readonly pool: ProviderPool,
    rateLimits: RateLimits,
    allowed: Allowed,
  ) {
    this.failures = rateLimits.limiter({ name: 'protocol', ...allowed.protocolFailures });
    this.authorizations = rateLimits.limiter({ name: 'authorize', ...allowed.authorizations });
  }

  /** @returns seconds to wait where this address has failed too often, 0 where it may ask. */
  async wait(route: string, { method }: IncomingMessage, ip: string | undefined): Promise<number> {
    if (!guessable.has(route) || method === 'OPTIONS') return 0;
    const { remaining, seconds } = await this.failures.peek(clientKey(ip));
    return remaining > 0 ? 0 : Math.max(1, seconds);
  }

  /** @returns what answers. @throws Error where the tenant's engine is not to be had; nothing has been said by then. */
  async find(route: string, tenantId: string, req: IncomingMessage, ip: string | undefined): Promise<Answer> {
    const { handle, published } = await this.pool.of(tenantId);
    const document = await published.find(route, req);
    if (document) return async (res, head) => document.send(req, res, head);
    return async (res, head = []) => {
      for (let place = 0; place < head.length; place += 2) res.setHeader(head[place] ?? '', head[place + 1] ?? '');
      await handle(req, res);
      const failed = res.statusCode === 400 || res.statusCode === 401;
      // Over the limit already is nothing new here: the next request hears of it.
      if (failed && guessable.has(route) && req.method !== 'OPTIONS')
        await this.failures.consume(clientKey(ip)).catch(() => {});
    };
  }
}

export function mountEngine(door: EngineDoor): Middleware {
  return async (ctx, next) => {
    const route = routeOf(ctx.path);
    if (!route) return next();
    ctx.state.route = route;
    if (ctx.method === 'POST' && alsoAsForm.has(route)) return askWithGet(ctx);
    const seconds = await door.wait(route, ctx.req, ctx.state.ip);
    if (seconds > 0) return refuse(ctx, seconds);
    // Thrown, not answered here: people meet this one, and it is a page.
    if (route === routes.authorization) await door.authorizations.consume(clientKey(ctx.state.ip));
    const answer = await door.find(route, currentTenantId(), ctx.req, ctx.state.ip);
    ctx.respond = false;
    await answer(ctx.res);
  };
}

/** Our cookies are SameSite=Lax, so a form from another site comes without them; the same request as a link has them. */
async function askWithGet(ctx: Context): Promise<void> {
  await form(ctx, async () => {});
  ctx.redirect(`${ctx.state.prefix}${ctx.path}?${new URLSearchParams(ctx.request.rawBody ?? '')}`);
  ctx.status = 303;
  ctx.set('Cache-Control', 'no-store');
}

function refuse(ctx: Context, seconds: number): void {
  ctx.status = 429;
  ctx.set('Retry-After', String(seconds));
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { error: 'slow_down', error_description: 'too many failed requests from this address' };
}
