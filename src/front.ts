// Before any door: which request this is, from which address, at which issuer. What the sender claims about host, scheme and address is
// overwritten here with what is true, and nothing later reads the sender's words.
import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import proxyAddr from 'proxy-addr';
import type { Tenant } from './features/tenants/tenant.entity.js';
import type { TenantService } from './features/tenants/tenant.service.js';
import { runInContext, withContext } from './platform/context.js';
import { newId } from './platform/crypto.js';
import { AppError, badRequest, notFound } from './platform/errors.js';
import type { Logger } from './platform/logger.js';
import type { Metrics } from './platform/metrics.js';

/** Set on every request, for all doors. */
export interface FrontState {
  requestId: string;
  ip: string | undefined;
  /** Somebody on the way said that they pass it on for another. */
  forwarded: boolean;
  /** Name of the route, never a path. */
  route?: string;
  issuer: string;
  origin: string;
  tenant: Tenant;
  /** What stands before the paths of this tenant: empty, or /t/{slug}. */
  prefix: string;
}

/** RFC 8414 §3.1 and RFC 9728 §3.1 put the well-known part before the issuer's path. */
const wellKnownInFront = /^(\/\.well-known\/(?:oauth-authorization-server|oauth-protected-resource))(\/t\/[a-z0-9-]+)$/;
/** The metadata of an issuer and its keys. */
const published = /^(\/t\/[a-z0-9-]+)?(\/\.well-known\/[a-z-]+|\/jwks)(\/t\/[a-z0-9-]+)?$/;
const tenantPath = /^\/t\/([a-z0-9][a-z0-9-]{0,62})(\/.*)$/;

/** Gives every request an id, an address and a line in the log. */
export function observe(logger: Logger, metrics: Metrics, trustProxy: readonly string[]): Middleware {
  const trusted = proxyAddr.compile([...trustProxy]);
  return async (ctx, next) => {
    const started = process.hrtime.bigint();
    const ip = addressOf(ctx.req, trusted);
    const forwarded = Boolean(ctx.get('forwarded') || ctx.get('x-forwarded-for'));
    Object.assign(ctx.state, { requestId: newId(), ip, forwarded });
    const { requestId } = ctx.state as FrontState;
    ctx.set('X-Request-Id', requestId);
    ctx.req.headers['x-forwarded-for'] = ip;
    const userAgent = ctx.get('user-agent').slice(0, 512);
    const context = { requestId, ...(ip ? { ip } : {}), ...(userAgent ? { userAgent } : {}) };
    await runInContext({ ...context, published: published.test(ctx.path) }, async () => {
      ctx.res.once('close', () => {
        const seconds = Number(process.hrtime.bigint() - started) / 1e9;
        const route = (ctx.state as FrontState).route ?? 'none';
        metrics.httpRequestDuration.observe({ route, method: ctx.method, status: ctx.res.statusCode }, seconds);
        logger.info('request', {
          route,
          method: ctx.method,
          status: ctx.res.statusCode,
          ms: Math.round(seconds * 1000),
          ip,
        });
      });
      await next();
    });
  };
}

/** Finds the issuer that is asked, or refuses before any door. */
export function resolveTenant(tenants: TenantService, baseIssuer: string): Middleware {
  const base = new URL(baseIssuer);
  return async (ctx, next) => {
    const { target, host } = targetOf(ctx.req);
    const rewritten = rewriteWellKnown(target);
    const [path = '/'] = rewritten.split('?', 1);
    const found = host === base.host ? await onBaseHost(tenants, path) : await onOwnHost(tenants, host);
    if (!found) throw host === base.host ? notFound('page') : misdirected(baseIssuer);
    const { tenant, prefix } = found;
    if (tenant.suspendedAt) throw notFound('page');

    const issuer = tenant.issuer(baseIssuer);
    const origin = new URL(issuer).origin;
    Object.assign(ctx.state, { issuer, origin, prefix, tenant });
    trustOnly(ctx.req, new URL(issuer));
    (ctx.req as IncomingMessage & { originalUrl?: string }).originalUrl = rewritten;
    ctx.req.url = rewritten.slice(prefix.length);
    await withContext({ tenantId: tenant.id }, next);
  };
}

/**
 * RFC 9112 §3.2.2: the host of an absolute-form target counts, not the Host field; what stays is the origin-form, because the engine makes
 * addresses of whatever it finds in the target. Nothing is tidied up on the way: a path is a registered one to the byte, or unknown.
 * @throws AppError 400 where there are several Host fields (§3.2).
 */
function targetOf({ url = '/', headers, headersDistinct }: IncomingMessage): { target: string; host: string } {
  if ((headersDistinct.host?.length ?? 0) > 1) throw badRequest('several_hosts', 'A request has one Host header');
  if (url.startsWith('/') && !url.startsWith('//')) return { target: url, host: (headers.host ?? '').toLowerCase() };
  const [, host, path = ''] = /^https?:\/\/([^/?]+)(.*)$/i.exec(url) ?? [];
  if (!host) throw notFound('page');
  return { target: path.startsWith('/') ? path : `/${path}`, host: host.toLowerCase() };
}

async function onBaseHost(
  tenants: TenantService,
  path: string,
): Promise<{ tenant: Tenant; prefix: string } | undefined> {
  const [, slug] = tenantPath.exec(path) ?? [];
  const tenant = await tenants.findBySlug(slug ?? 'default');
  // A tenant with a host of its own is another issuer there, and nobody here.
  if (!tenant || tenant.host || slug === 'default') return undefined;
  return { tenant, prefix: slug ? `/t/${slug}` : '' };
}

async function onOwnHost(
  tenants: TenantService,
  host: string,
): Promise<{ tenant: Tenant; prefix: string } | undefined> {
  const tenant = host ? await tenants.findByHost(host) : undefined;
  return tenant && { tenant, prefix: '' };
}

function rewriteWellKnown(url: string): string {
  const [path = '', query] = url.split('?', 2);
  const [, wellKnown, tenant] = wellKnownInFront.exec(path) ?? [];
  return wellKnown && tenant ? `${tenant}${wellKnown}${query === undefined ? '' : `?${query}`}` : url;
}

/** The engine reads these: it is told the issuer, whatever the sender says. */
function trustOnly(req: IncomingMessage, issuer: URL): void {
  req.headers.host = issuer.host;
  req.headers['x-forwarded-host'] = issuer.host;
  req.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1);
  delete req.headers.forwarded;
}

function addressOf(req: IncomingMessage, trusted: ReturnType<typeof proxyAddr.compile>): string | undefined {
  try {
    return proxyAddr(req, trusted);
  } catch {
    // Fail closed: limits treat an unknown address as one address.
    return undefined;
  }
}

const misdirected = (issuer: string) => new AppError(421, 'misdirected_request', `This server answers at ${issuer}`);

export const stateOf = (ctx: Context): FrontState => ctx.state as FrontState;
