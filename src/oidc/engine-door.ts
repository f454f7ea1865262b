// The door to the engine's own endpoints (routes.ts). Owns the limits in front of it; hands off to the Provider of the tenant.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import type { Context, Middleware } from 'koa';
import { currentTenantId } from '../platform/context.js';
import { clientKey, type Limiter, type RateLimits, waitOf } from '../platform/rate-limit.js';
import { isAskedAgain } from './events.js';
import type { ProviderPool } from './provider-pool.js';
import { countedRoutes, formRoutes, guessableRoutes, routeOf, storingRoutes } from './routes.js';

const form = bodyParser({ enableTypes: ['form'], formLimit: '8kb' });

type Limit = { points: number; seconds: number };
type Allowed = { protocolFailures: Limit; authorizations: Limit; storedRequests: Limit };

/** @param head names and values in turn, of what every answer says beside its own. */
type Answer = (res: ServerResponse, head?: readonly string[]) => Promise<void>;

/** The engine's endpoints, whichever way a request comes to them. */
export class EngineDoor {
  private readonly failures: Limiter;
  private readonly stored: Limiter;
  readonly authorizations: Limiter;

  constructor(
    private readonly pool: ProviderPool,
    rateLimits: RateLimits,
    allowed: Allowed,
  ) {
    this.failures = rateLimits.limiter({ name: 'protocol', ...allowed.protocolFailures });
    this.stored = rateLimits.limiter({ name: 'stored_requests', ...allowed.storedRequests });
    this.authorizations = rateLimits.limiter({ name: 'authorize', ...allowed.authorizations });
  }

  /** @returns seconds to wait where this address has failed too often, or has left too much behind; 0 where it may ask. */
  async wait(route: string, tenantId: string, { method }: IncomingMessage, ip: string | undefined): Promise<number> {
    if (!guessableRoutes.has(route) || method === 'OPTIONS') return 0;
    const { remaining, seconds } = await this.failures.peek(failuresOf(tenantId, ip));
    if (remaining <= 0) return Math.max(1, seconds);
    return storingRoutes.has(route) ? waitOf(this.stored.consume(clientKey(ip))) : 0;
  }

  /** @returns what answers. @throws Error where the tenant's engine is not to be had; nothing has been said by then. */
  async find(route: string, tenantId: string, req: IncomingMessage, ip: string | undefined): Promise<Answer> {
    const { handle, published } = await this.pool.of(tenantId);
    const document = await published.find(route, req);
    if (document) return async (res, head) => document.send(req, res, head);
    return async (res, head = []) => {
      for (let place = 0; place < head.length; place += 2) res.setHeader(head[place] ?? '', head[place + 1] ?? '');
      await handle(req, res);
      const failed = (res.statusCode === 400 || res.statusCode === 401) && !isAskedAgain(req);
      // Over the limit already is nothing new here: the next request hears of it.
      if (failed && guessableRoutes.has(route) && req.method !== 'OPTIONS')
        await this.failures.consume(failuresOf(tenantId, ip)).catch(() => {});
    };
  }
}

/** What fails at one issuer says nothing of those who share an address at another. */
const failuresOf = (tenantId: string, ip: string | undefined) => `${tenantId} ${clientKey(ip)}`;

export function mountEngine(door: EngineDoor): Middleware {
  return async (ctx, next) => {
    const route = routeOf(ctx.path);
    if (!route) return next();
    ctx.state.route = route;
    if (ctx.method === 'POST' && formRoutes.has(route)) return askWithGet(ctx);
    const seconds = await door.wait(route, currentTenantId(), ctx.req, ctx.state.ip);
    if (seconds > 0) return refuse(ctx, seconds);
    // Thrown, not answered here: people meet this one, and it is a page.
    if (countedRoutes.has(route)) await door.authorizations.consume(clientKey(ctx.state.ip));
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
  ctx.body = { error: 'slow_down', error_description: 'too many requests from this address' };
}
