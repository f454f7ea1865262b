// What goes on while a tenant is closed for maintenance, on one page: whatever is already in somebody's hands can be verified, and ended. Everything that
// is not named here is closed, so that a new door is closed until somebody has decided.
import type { Context, Middleware } from 'koa';
import { routes } from '../config/protocol.js';
import type { Bearer } from './api/bearer.js';
import type { Maintenance } from './features/maintenance/maintenance.service.js';
import type { Closure, Tenant } from './features/tenants/tenant.entity.js';
import { ADMIN } from './features/users/user.entity.js';
import { type Observed, stateOf } from './front.js';
import type { Endpoint } from './platform/endpoint.js';
import { AppError } from './platform/errors.js';
import { type Logger, renderProblem } from './platform/problem.js';
import { wordsOf } from './platform/requirement.js';

type Standing =
  /** Answers as ever. */
  | 'open'
  /** Answers; which grants are made is decided once it is known which is asked for (grantGoesOn). */
  | 'by_grant';

const ended = 'who signs out or is signed out, and a token that is revoked, is no matter that waits';
const verified = 'tokens stay verifiable (RFC 7662, RFC 7517, OpenID Connect Core §5.3)';

export const goesOn: readonly { path: string; standing: Standing; why: string }[] = [
  { path: '/.well-known/*', standing: 'open', why: 'metadata, which verifiers read (RFC 8414, RFC 9728)' },
  { path: '/brand/:id', standing: 'open', why: 'the logo on the page that says that it is closed' },
  { path: routes.jwks, standing: 'open', why: verified },
  { path: routes.introspection, standing: 'open', why: verified },
  { path: routes.userinfo, standing: 'open', why: verified },
  { path: routes.token, standing: 'by_grant', why: 'programs get tokens of their own; those of people wait' },
  { path: routes.revocation, standing: 'open', why: ended },
  { path: routes.end_session, standing: 'open', why: ended },
  { path: `${routes.end_session}/confirm`, standing: 'open', why: ended },
  { path: `${routes.end_session}/success`, standing: 'open', why: ended },
  { path: '/lockdown', standing: 'open', why: 'whoever says that it was not them is heard at once' },
  { path: '/lockdown/done', standing: 'open', why: 'whoever says that it was not them is heard at once' },
  { path: '/federation/:id/backchannel-logout', standing: 'open', why: ended },
  { path: '/federation/:id/logout', standing: 'open', why: ended },
  { path: '/federation/:id/signed-out', standing: 'open', why: ended },
  { path: '/saml/:id/slo', standing: 'open', why: ended },
  { path: '/saml/:id/logout', standing: 'open', why: ended },
  { path: '/saml/:id/signed-out', standing: 'open', why: ended },
  { path: '/saml/:id/metadata', standing: 'open', why: 'metadata, which verifiers read' },
  { path: '/api/v1/openapi.json', standing: 'open', why: 'a description, of no tenant' },
];

const exact = new Set(goesOn.map(({ path }) => path));
const patterns = [...exact]
  .filter((path) => /[*:]/.test(path))
  .map((path) => new RegExp(`^${path.replaceAll('.', '\\.').replace(':id', '[^/]+').replace('*', '.+')}$`));

export const staysOpen = (path: string): boolean => exact.has(path) || patterns.some((pattern) => pattern.test(path));

/** RFC 6749 §4.4: what a program is given in its own name. All others rest on a person. */
export const grantGoesOn = (grantType: string): boolean => grantType === 'client_credentials';

/** Asked by resource servers and by whoever watches, who are no people. */
const scopesThatGoOn = new Set(['token_endings:read', 'health:read', 'maintenance:write']);
/** Who may end it comes in, and whoever administers the tenant: themselves, by no key that programs have of them. */
const mayComeIn = ({ actor, scopes, roles = [] }: Pick<Bearer, 'actor' | 'scopes' | 'roles'>): boolean =>
  (actor.type === 'user' && !actor.apiKey && roles.includes(ADMIN)) ||
  scopes.has('maintenance:write') ||
  scopes.has('tenants:write');

/** What requests that are turned away are measured as: who is on call knows of it. */
export const measuredAsMaintenance = ({ front }: Observed): void => {
  front.route = 'maintenance';
};

/** In front of all doors of people. @param api where a request that shows a token is answered, whatever else may know its address. */
export function closeForMaintenance(maintenance: Maintenance, api: Middleware, logger: Logger): Middleware {
  return async (ctx, next) => {
    if (staysOpen(ctx.path)) return next();
    const closure = await maintenance.of(stateOf(ctx).tenant);
    if (!closure) return next();
    if (!ctx.path.startsWith('/api/v1/')) throw refusal(maintenance, closure, ctx);
    // What people are asked in steps is no part of it, whatever they show.
    if (ctx.get('authorization') && !ctx.path.startsWith('/api/v1/auth/')) return api(ctx, next);
    ctx.set('Cache-Control', 'no-store');
    renderProblem(ctx, refusal(maintenance, closure, ctx), logger);
  };
}

/** Of the short way for programs: what is closed takes the long one, where it is refused. */
export const isShut = async (maintenance: Maintenance, tenant: Tenant, path: string): Promise<boolean> =>
  !staysOpen(path) && (await maintenance.of(tenant)) !== undefined;

/** Of the management API: as it is now, however long a connection goes on. @throws AppError 503 */
export const admitBearer =
  (maintenance: Maintenance) =>
  async (ctx: Context, { scope }: Pick<Endpoint, 'scope'>, bearer: Bearer): Promise<void> => {
    const closure = await maintenance.current();
    const goesOn = wordsOf(scope).every((word) => scopesThatGoOn.has(word));
    if (closure && !goesOn && !mayComeIn(bearer)) throw refusal(maintenance, closure, ctx);
  };

function refusal(maintenance: Maintenance, closure: Closure, { req }: Context): AppError {
  measuredAsMaintenance(req as Observed);
  const { message = 'This is closed for maintenance; nothing is lost' } = closure;
  return new AppError(503, 'maintenance', message, {
    retryAfter: maintenance.secondsLeft(closure),
    decided: true,
    ...(closure.message ? { members: { announcement: closure.message } } : {}),
  });
}
