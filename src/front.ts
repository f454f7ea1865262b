// Before any door: which request this is, from which address, at which issuer (issuers.ts). What the sender claims about its address is
// overwritten here with what is true.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Middleware } from 'koa';
import proxyAddr from 'proxy-addr';
import type { Tenant } from './features/tenants/tenant.entity.js';
import { heldHandles } from './interaction/device-cookie.js';
import type { Issuers } from './issuers.js';
import { runInContext, withContext } from './platform/context.js';
import { newRequestId } from './platform/crypto.js';
import { AppError } from './platform/errors.js';
import type { Logger } from './platform/logger.js';
import type { Metrics } from './platform/metrics.js';
import { type Claimed, type PeerCertificate, type ProxyHeaders, takeClaims } from './platform/peer-certificate.js';
import type { Tracing } from './platform/tracing.js';

/** Set on every request, for all doors. */
export interface FrontState {
  requestId: string;
  ip: string | undefined;
  /** Somebody on the way said that they pass it on for another. */
  forwarded: boolean;
  /** What a proxy we know has said of a certificate; nobody else's word gets here. */
  claimed?: Claimed;
  /** Whom the request says it asks, and its Host field; kept, because the request speaks of nothing but its issuer afterwards. */
  asked?: { target: string; host: string; field: string };
  /** At the address of certificates (RFC 8705 §5) only: that address, and what was shown. */
  aliases?: string;
  certificate?: PeerCertificate | undefined;
  /** Name of the route, never a path. */
  route?: string;
  issuer: string;
  origin: string;
  tenant: Tenant;
  /** What stands before the paths of this tenant: empty, or /t/{slug}. */
  prefix: string;
}

/** The metadata of an issuer and of its resources, and its keys. */
const published =
  /^(\/t\/[a-z0-9-]+)?((\/\.well-known\/[a-z-]+|\/jwks)(\/t\/[a-z0-9-]+)?(\?|$)|\/\.well-known\/oauth-protected-resource\/)/;

export type Observed = IncomingMessage & { front: FrontState; originalUrl?: string };
type Handler = (req: Observed, res: ServerResponse) => unknown;

interface ObserveSettings {
  trustProxy: readonly string[];
  proxyHeaders: ProxyHeaders | undefined;
  tracing: Tracing | undefined;
}

/** Gives every request an id, an address and a line in the log. Whoever answers says the id in X-Request-Id. */
export function observe(
  logger: Logger,
  metrics: Metrics,
  { trustProxy, proxyHeaders, tracing }: ObserveSettings,
  next: Handler,
): (req: IncomingMessage, res: ServerResponse) => void {
  const trusted = remembering(proxyAddr.compile([...trustProxy]));
  return (req, res) => {
    const started = performance.now();
    const ip = addressOf(req, trusted);
    const forwarded = Boolean(req.headers.forwarded || req.headers['x-forwarded-for']);
    const requestId = newRequestId();
    const state = { requestId, ip, forwarded } as FrontState;
    const observed = Object.assign(req, { front: state });
    if (proxyHeaders) {
      const claimed = takeClaims(req.headers, proxyHeaders);
      if (trusted(req.socket.remoteAddress ?? '', 0)) state.claimed = claimed;
    }
    req.headers['x-forwarded-for'] = ip;
    const userAgent = req.headers['user-agent']?.slice(0, 512);
    const context = { requestId, ...(ip ? { ip } : {}), ...(userAgent ? { userAgent } : {}) };
    // Who hangs up is told nothing, but did ask: the line is written when both the connection and the work on it have ended. Of pipelined
    // requests one closes in the midst of another (RFC 9112 §9.3.2), so each says itself who it was.
    let ends = 0;
    let milliseconds = 0;
    const end = () => {
      ends += 1;
      if (ends < 2) return;
      const { route = 'none', tenant } = state;
      const { method = '' } = req;
      const { statusCode: status } = res;
      metrics.httpRequestDuration.observe({ route, method, status }, milliseconds / 1000);
      runInContext({ ...context, ...(tenant ? { tenantId: tenant.id } : {}) }, () =>
        logger.info('request', { route, method, status, ms: Math.round(milliseconds), ip }),
      );
    };
    res.once('close', () => {
      milliseconds = performance.now() - started;
      end();
    });
    runInContext({ ...context, published: published.test(req.url ?? '') }, async () => {
      try {
        await (tracing
          ? traced(tracing, observed, res, { next, believed: trusted(req.socket.remoteAddress ?? '', 0) })
          : next(observed, res));
      } finally {
        end();
      }
    });
  };
}

/** @param believed whether what it says it is a part of was said by a proxy that we know. */
function traced(
  tracing: Tracing,
  req: Observed,
  res: ServerResponse,
  { next, believed }: { next: Handler; believed: boolean },
): Promise<void> {
  const method = /^[A-Z]{3,7}$/.test(req.method ?? '') ? String(req.method) : '_OTHER';
  return tracing.span(
    { name: method, kind: 'server', attributes: { 'http.request.method': method } },
    async (span) => {
      await next(req, res);
      const { route = 'none', tenant } = req.front;
      const attributes = { 'http.route': route, 'http.response.status_code': res.statusCode };
      span.ends({ ...attributes, ...(tenant ? { 'ostiary.tenant.id': tenant.id } : {}) }, `${method} ${route}`);
      if (res.statusCode >= 500) span.fails(String(res.statusCode));
    },
    believed ? req.headers : {},
  );
}

/** For the doors of people, which are Koa's: what is known of the request. */
export const adopt: Middleware = (ctx, next) => {
  ctx.state = (ctx.req as Observed).front;
  ctx.set('X-Request-Id', ctx.state.requestId);
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

/** The name under which requests below a path are measured, until a router says it better. */
export const named =
  (prefix: string): Middleware =>
  async (ctx, next) => {
    if (ctx.path.startsWith(`${prefix}/`)) ctx.state.route = prefix;
    await next();
    if (ctx.state.route === prefix && ctx._matchedRoute) ctx.state.route = String(ctx._matchedRoute);
  };

/** A middleware of one door only. */
export const below =
  (prefix: string, middleware: Middleware): Middleware =>
  (ctx, next) =>
    ctx.path.startsWith(`${prefix}/`) ? middleware(ctx, next) : next();

/** At the address of certificates one door answers, and none of people: whoever comes there has no session. */
export const atAliases =
  (door: Middleware): Middleware =>
  (ctx, next) =>
    stateOf(ctx).aliases !== undefined && ctx.path.startsWith('/api/v1/') ? door(ctx, next) : next();

/** Finds the issuer that is asked, or refuses before any door. */
export function resolveTenant(issuers: Issuers): Middleware {
  return async (ctx, next) => {
    await issuers.resolve(ctx.req as Observed);
    await withContext({ tenantId: stateOf(ctx).tenant.id, handles: heldHandles(ctx) }, next);
  };
}

/** Proxies are few, and come with each request. Whoever else stands in X-Forwarded-For is looked at each time. */
function remembering(trusts: Trust): Trust {
  const known = new Set<string>();
  return (address, hop) => {
    if (known.has(address)) return true;
    const trusted = trusts(address, hop);
    if (trusted && known.size < 1_000) known.add(address);
    return trusted;
  };
}

type Trust = ReturnType<typeof proxyAddr.compile>;

function addressOf(req: IncomingMessage, trusted: Trust): string | undefined {
  try {
    return proxyAddr(req, trusted);
  } catch {
    // Fail closed: limits treat an unknown address as one address.
    return undefined;
  }
}

export const stateOf = (ctx: Context): FrontState => ctx.state as FrontState;
