// Before any door: which request this is, from which address, at which issuer. What the sender claims about host, scheme and address is
// overwritten here with what is true, and nothing later reads the sender's words.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Middleware } from 'koa';
import proxyAddr from 'proxy-addr';
import type { Tenant } from './features/tenants/tenant.entity.js';
import type { TenantService } from './features/tenants/tenant.service.js';
import { runInContext, withContext } from './platform/context.js';
import { newRequestId } from './platform/crypto.js';
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
const tenantPath = /^\/t\/([a-z0-9][a-z0-9-]{0,62})(\/.*)$/;

export type Observed = IncomingMessage & { front: FrontState; originalUrl?: string };
type Handler = (req: Observed, res: ServerResponse) => unknown;

/** Gives every request an id, an address and a line in the log. */
export function observe(
  logger: Logger,
  metrics: Metrics,
  trustProxy: readonly string[],
  next: Handler,
): (req: IncomingMessage, res: ServerResponse) => void {
  const trusted = proxyAddr.compile([...trustProxy]);
  return (req, res) => {
    const started = performance.now();
    const ip = addressOf(req, trusted);
    const forwarded = Boolean(req.headers.forwarded || req.headers['x-forwarded-for']);
    const requestId = newRequestId();
    const state = { requestId, ip, forwarded } as FrontState;
    const observed = Object.assign(req, { front: state });
    res.setHeader('X-Request-Id', requestId);
    req.headers['x-forwarded-for'] = ip;
    const userAgent = req.headers['user-agent']?.slice(0, 512);
    runInContext({ requestId, ...(ip ? { ip } : {}), ...(userAgent ? { userAgent } : {}) }, () => {
      res.once('close', () => {
        const milliseconds = performance.now() - started;
        const { route = 'none' } = state;
        const { method = '' } = req;
        metrics.httpRequestDuration.observe({ route, method, status: res.statusCode }, milliseconds / 1000);
        logger.info('request', { route, method, status: res.statusCode, ms: Math.round(milliseconds), ip });
      });
      next(observed, res);
    });
  };
}

/** For the doors of people, which are Koa's: what is known of the request, and the headers that every answer of theirs has. */
export const adopt =
  (headers: ReadonlyMap<string, string>): Middleware =>
  (ctx, next) => {
    ctx.state = (ctx.req as Observed).front;
    for (const [name, value] of headers) ctx.set(name, value);
    return next();
  };

/** RFC 9110 §8.4.1: a body in a coding is read nowhere, so that no small request becomes a large one. */
export const hasEncodedBody = ({ headers }: IncomingMessage): boolean =>
  !/^(?:identity)?$/i.test(headers['content-encoding'] ?? '');

/** @throws AppError 415, RFC 9110 §15.5.16: before anybody reads the body. */
export const refuseEncodedBodies: Middleware = (ctx, next) => {
  if (!hasEncodedBody(ctx.req)) return next();
  throw new AppError(415, 'unsupported_encoding', 'A body must not be encoded', {
    headers: { 'Accept-Encoding': 'identity' },
  });
};

/** What is true of an issuer on each request, made once. */
interface Address {
  issuer: string;
  origin: string;
  host: string;
  scheme: string;
}

/** Finds the issuer that is asked. From here on the request speaks of nothing else, whatever its sender said. */
export class Issuers {
  private readonly base: URL;
  /** Tenants are replaced when they change, never altered. */
  private readonly addresses = new WeakMap<Tenant, Address>();

  constructor(
    private readonly tenants: TenantService,
    private readonly baseIssuer: string,
  ) {
    this.base = new URL(baseIssuer);
  }

  /** @throws AppError 404 or 421 where nobody here is asked, 400 where that cannot be told. */
  async resolve(req: Observed): Promise<void> {
    const { target, host } = targetOf(req);
    const rewritten = rewriteWellKnown(target);
    const [path = '/'] = rewritten.split('?', 1);
    const onBase = host === this.base.host;
    const found = onBase ? await onBaseHost(this.tenants, path) : await onOwnHost(this.tenants, host);
    if (!found) throw onBase ? notFound('page') : misdirected(this.baseIssuer);
    const { tenant, prefix } = found;
    if (tenant.suspendedAt) throw notFound('page');

    const address = this.addressOf(tenant);
    const { issuer, origin } = address;
    Object.assign(req.front, { issuer, origin, prefix, tenant });
    trustOnly(req, address);
    req.originalUrl = rewritten;
    req.url = rewritten.slice(prefix.length);
  }

  private addressOf(tenant: Tenant): Address {
    let address = this.addresses.get(tenant);
    if (!address) {
      const issuer = tenant.issuer(this.baseIssuer);
      const { origin, host, protocol } = new URL(issuer);
      address = { issuer, origin, host, scheme: protocol.slice(0, -1) };
      this.addresses.set(tenant, address);
    }
    return address;
  }
}

/** Finds the issuer that is asked, or refuses before any door. */
export function resolveTenant(issuers: Issuers): Middleware {
  return async (ctx, next) => {
    await issuers.resolve(ctx.req as Observed);
    await withContext({ tenantId: stateOf(ctx).tenant.id }, next);
  };
}

/**
 * RFC 9112 §3.2.2: the host of an absolute-form target counts, not the Host field; what stays is the origin-form, because the engine makes
 * addresses of whatever it finds in the target. Nothing is tidied up on the way: a path is a registered one to the byte, or unknown.
 * @throws AppError 400 where there are several Host fields (§3.2).
 */
function targetOf({ url = '/', headers, rawHeaders }: IncomingMessage): { target: string; host: string } {
  if (rawHeaders.filter((name, place) => place % 2 === 0 && isHost(name)).length > 1)
    throw badRequest('several_hosts', 'A request has one Host header');
  if (url.startsWith('/') && !url.startsWith('//')) return { target: url, host: (headers.host ?? '').toLowerCase() };
  const [, host, path = ''] = /^https?:\/\/([^/?]+)(.*)$/i.exec(url) ?? [];
  if (!host) throw notFound('page');
  return { target: path.startsWith('/') ? path : `/${path}`, host: host.toLowerCase() };
}

const isHost = (name: string) => name.length === 4 && name.toLowerCase() === 'host';

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
function trustOnly(req: IncomingMessage, { host, scheme }: Address): void {
  req.headers.host = host;
  req.headers['x-forwarded-host'] = host;
  req.headers['x-forwarded-proto'] = scheme;
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
