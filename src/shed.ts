// Where no more passwords can be hashed, whoever sends one is told to come again, before body, database and CSRF work: on one page, every
// address that hashes one while the request waits.
import type { Context, Middleware } from 'koa';
import type { Logger } from './platform/logger.js';
import { renderProblem } from './platform/problem.js';

/** All are sent with POST. */
export const hashingRoutes = [
  '/interaction/:uid/login',
  '/interaction/:uid/register',
  '/interaction/:uid/change_password',
  '/api/v1/auth/login',
  '/api/v1/auth/register',
  '/account/security/password',
  '/password',
  '/verify-email',
  '/setup',
] as const;

const patterns = hashingRoutes.map((route) => ({
  route,
  pattern: new RegExp(`^${route.replace(':uid', '[^/]+')}$`),
}));

/** @param assertRoom throws AppError 503 where there is none. */
export const shed =
  (assertRoom: () => void, logger: Logger): Middleware =>
  (ctx, next) => {
    const hashing = ctx.method === 'POST' ? patterns.find(({ pattern }) => pattern.test(decoded(ctx.path))) : undefined;
    if (!hashing) return next();
    try {
      assertRoom();
    } catch (error) {
      ctx.state.route = hashing.route;
      return refuse(ctx, error, logger);
    }
    return next();
  };

/** As the router reads what stands in the place of a parameter. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function refuse(ctx: Context, error: unknown, logger: Logger): void {
  if (!ctx.path.startsWith('/api/')) throw error;
  ctx.set('Cache-Control', 'no-store');
  renderProblem(ctx, error, logger);
}
