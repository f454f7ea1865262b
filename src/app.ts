// The doors on one page, in front of the features (services.ts). A request comes in through the front, is given its tenant, and goes to the first door
// that knows its path; the engine's endpoints come last. wiring/ builds the doors that are made of much.
import type { RequestListener } from 'node:http';
import Koa from 'koa';
import { Aliases } from './aliases.js';
import { compressReads } from './api/compression.js';
import { createMailboxRouter } from './dev/mailbox.js';
import { renderErrors } from './error-page.js';
import { express } from './express.js';
import type { Tenant } from './features/tenants/tenant.entity.js';
import {
  adopt,
  atAliases,
  below,
  type FrontState,
  named,
  observe,
  refuseEncodedBodies,
  resolveTenant,
} from './front.js';
import { healthRoutes } from './health.js';
import { Issuers } from './issuers.js';
import { closeForMaintenance, isShut } from './maintenance-doors.js';
import { countersOf, observeResources } from './measures.js';
import { mountEngine } from './oidc/engine-door.js';
import { createErrorReferenceRouter } from './oidc/error-reference.js';
import { currentContext } from './platform/context.js';
import { deriveKey } from './platform/crypto.js';
import { createCsrf } from './platform/csrf.js';
import { notFound } from './platform/errors.js';
import { Metrics } from './platform/metrics.js';
import { Pages } from './platform/page.js';
import { pageHeaders, programHeaders } from './platform/security-headers.js';
import type { Services } from './services.js';
import { createSetupRouter } from './setup/routes.js';
import { shed } from './shed.js';
import { createWellKnownRouter } from './well-known.js';
import { openAccount } from './wiring/account.js';
import { openApi } from './wiring/api.js';
import { openEngine } from './wiring/engine.js';
import { openFederation } from './wiring/federation.js';
import { openInteraction } from './wiring/interaction.js';
import { openLetters } from './wiring/letters.js';
import { openSaml } from './wiring/saml.js';

export interface App {
  /** The doors of people and of the management API. */
  koa: Koa;
  handler: RequestListener;
  metrics: Metrics;
  /** Readiness goes off first, so that a balancer sends nothing new while the rest is answered. */
  drain(): void;
}

export function createApp(services: Services): App {
  const { config, clock, logger, tenants, passwords, hasher, rateLimits, limits } = services;
  const secure = config.issuer.startsWith('https:');
  const metrics = new Metrics({ routes: (route) => !route.includes('?') && route.length < 100 });
  const { signIns, ...engineMetrics } = countersOf(metrics);
  observeResources(metrics, services);

  const pages = new Pages(services.views, async (ctx) => {
    // A refusal is rendered after the tenant's context has ended, or before anybody knew which tenant it was.
    const tenantId = currentContext()?.tenantId ?? (ctx.state as Partial<FrontState>).tenant?.id;
    const tenant = tenantId ? await tenants.findById(tenantId) : undefined;
    if (!tenant) return { brand: { name: 'Ostiary' } };
    const { logo_uri } = tenant.settings.branding;
    return { brand: { name: tenant.displayName, ...(logo_uri ? { logo_uri } : {}) } };
  });
  const csrf = createCsrf(config.cookieKeys.map((key) => deriveKey(key, 'csrf')));
  const saml = openSaml(services, { csrf, pages });
  const federation = openFederation(services, { pages });
  const { engine, door } = openEngine(services, {
    pages,
    metrics: engineMetrics,
    afterSignOut: async (...ended) => (await saml.afterSignOut(...ended)) ?? federation.afterSignOut(...ended),
  });
  const interaction = openInteraction(services, { engine, csrf, pages, signIns });
  const account = openAccount(services, { engine, csrf, pages });
  const setup = createSetupRouter({ setup: services.setup, passwords, csrf, pages, rateLimits, limits });
  const issuers = new Issuers(
    tenants,
    { issuer: config.issuer, domain: config.tenantDomain },
    config.mutualTls && new Aliases(tenants, config.mutualTls),
  );
  const health = healthRoutes(services);

  const koa = new Koa();
  koa.silent = true;
  koa.use(adopt);
  koa.use(pageHeaders(secure));
  koa.use(renderErrors(pages, logger));
  koa.use(health.middleware);
  koa.use(services.views.middleware());
  koa.use(resolveTenant(issuers));
  // Again, where the tenant is known: from here on a refusal is a page in its dress.
  koa.use(renderErrors(pages, logger));
  koa.use(named('/api/v1'));
  const management = openApi(services);
  const compressed: Koa.Middleware = (ctx, next) => compressReads(ctx, () => management(ctx, next));
  koa.use(closeForMaintenance(services.maintenance, compressed, logger));
  koa.use(atAliases(management));
  // By cookie, which another page can make a browser send: these answers leave as they are (BREACH).
  koa.use(below('/api/v1/auth', refuseEncodedBodies)).use(below('/api/v1/passkeys', refuseEncodedBodies));
  koa.use(shed(() => hasher.assertRoom(), logger));
  koa.use(interaction.json.routes());
  koa.use(account.api.routes());
  koa.use(below('/api/v1', compressReads));
  koa.use(management);
  koa.use(refuseEncodedBodies);
  koa.use(interaction.pages.routes());
  koa.use(setup.routes());
  for (const letter of openLetters(services, { csrf, pages })) koa.use(letter.routes());
  koa.use(account.pages.routes());
  koa.use(saml.router.routes());
  koa.use(federation.router.routes());
  koa.use(
    createWellKnownRouter({
      securityContact: config.securityContact,
      clock,
      resources: services.resources,
      auditCheckpoints: services.auditCheckpoints,
    }).routes(),
  );
  if (config.environment !== 'production' && !config.mailUrl)
    koa.use(createMailboxRouter({ mail: services.mail, pages }).routes());
  koa.use(createErrorReferenceRouter(pages).routes());
  koa.use(mountEngine(door));
  koa.use(() => {
    throw notFound('page');
  });
  koa.on('error', (error: unknown) => logger.error('a request failed', { error }));
  const longWay = koa.callback();
  const shut = (tenant: Tenant, path: string) => isShut(services.maintenance, tenant, path);
  const shortWay = express(issuers, door, programHeaders(secure), shut, longWay);
  const handler = observe(
    logger,
    metrics,
    { trustProxy: config.trustProxy, proxyHeaders: config.mutualTls, tracing: services.tracing },
    shortWay,
  );
  return { koa, handler, metrics, drain: health.drain };
}
