// The engine's own endpoints, mounted as they are registered: a path that is not byte-equal to one of them never reaches the engine, which
// would fold case and trailing slashes. Owns the limits in front of it; hands off to the Provider of the tenant.
import { bodyParser } from '@koa/bodyparser';
import type { Context, Middleware } from 'koa';
import { routes } from '../../config/protocol.js';
import { currentTenantId } from '../platform/context.js';
import { clientKey, type Limiter, type RateLimits } from '../platform/rate-limit.js';
import type { ProviderPool } from './provider-pool.js';

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
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
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

export function mountEngine(
  pool: ProviderPool,
  rateLimits: RateLimits,
  allowed: { points: number; seconds: number },
): Middleware {
  const failures = rateLimits.limiter({ name: 'protocol', ...allowed });
  return async (ctx, next) => {
    const route = routeOf(ctx.path);
    if (!route) return next();
    ctx.state.route = route;
    if (ctx.method === 'POST' && alsoAsForm.has(route)) return askWithGet(ctx);
    const limited = guessable.has(route) && ctx.method !== 'OPTIONS';
    if (limited && !(await hasRoom(ctx, failures))) return;
    const { handle } = await pool.of(currentTenantId());
    ctx.respond = false;
    await handle(ctx.req, ctx.res);
    if (limited && (ctx.res.statusCode === 400 || ctx.res.statusCode === 401)) await count(failures, ctx);
  };
}

/** Our cookies are SameSite=Lax, so a form from another site comes without them; the same request as a link has them. */
async function askWithGet(ctx: Context): Promise<void> {
  await form(ctx, async () => {});
  ctx.redirect(`${ctx.state.prefix}${ctx.path}?${new URLSearchParams(ctx.request.rawBody ?? '')}`);
  ctx.status = 303;
  ctx.set('Cache-Control', 'no-store');
}

async function hasRoom(ctx: Context, failures: Limiter): Promise<boolean> {
  const { remaining, seconds } = await failures.peek(clientKey(ctx.state.ip));
  if (remaining > 0) return true;
  ctx.status = 429;
  ctx.set('Retry-After', String(seconds));
  ctx.set('Cache-Control', 'no-store');
  ctx.body = { error: 'slow_down', error_description: 'too many failed requests from this address' };
  return false;
}

/** Over the limit already is nothing new here: the next request hears of it. */
const count = (failures: Limiter, ctx: Context) => failures.consume(clientKey(ctx.state.ip)).catch(() => {});
