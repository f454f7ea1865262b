// The whole house on one page: features (services.ts) and, in front of them, the doors. A request comes in through the front, is given its
// tenant, and goes to the first door that knows its path; the engine's endpoints come last.
import type { RequestListener } from 'node:http';
import Koa from 'koa';
import qrCode from 'qrcode';
import { version } from '../config/root.js';
import { createFactorRecoveryRouter } from './account/factor-recovery.js';
import { createForgottenPasswordRouter } from './account/forgotten-password.js';
import { createLinkRouter } from './account/link-pages.js';
import { createLockdownRouter } from './account/lockdown.js';
import { createPasswordRouter } from './account/password.js';
import { createSignInLinkRouter } from './account/sign-in-link.js';
import { createVerifyEmailRouter } from './account/verify-email.js';
import { createWellKnownRouter } from './account/well-known.js';
import { openAccount } from './account.js';
import { compressReads } from './api/compression.js';
import { type ApiOptions, createApi } from './api/routes.js';
import { createMailboxRouter } from './dev/mailbox.js';
import { renderErrors } from './error-page.js';
import { express } from './express.js';
import { auditRoutes } from './features/audit/audit.routes.js';
import { clientRoutes } from './features/clients/client.routes.js';
import { clientSecretRoutes } from './features/clients/client-secret.routes.js';
import { lockoutRoutes } from './features/credentials/lockout.routes.js';
import { passwordRoutes } from './features/credentials/password.routes.js';
import { deviceRoutes } from './features/devices/device.routes.js';
import { keyRoutes } from './features/keys/key.routes.js';
import { mailRoutes } from './features/mail/mail.routes.js';
import { findActiveToken } from './features/protocol/active-token.js';
import { sessionRoutes } from './features/protocol/session.routes.js';
import { resourceRoutes } from './features/resources/resource.routes.js';
import { setupLinkRoutes } from './features/setup/setup-link.routes.js';
import { tenantRoutes } from './features/tenants/tenant.routes.js';
import { userRoutes } from './features/users/user.routes.js';
import { adopt, type FrontState, observe, refuseEncodedBodies, resolveTenant, stateOf } from './front.js';
import { healthRoutes } from './health.js';
import { CaptchaQuestion } from './interaction/captcha.js';
import { createInteractionRouter } from './interaction/routes.js';
import { Issuers } from './issuers.js';
import { assertScopes, scopesOf } from './management.js';
import { observeResources } from './measures.js';
import { OidcEngine } from './oidc/engine.js';
import { createEnginePages } from './oidc/pages.js';
import { ProviderPool } from './oidc/provider-pool.js';
import { EngineDoor, mountEngine } from './oidc/routes.js';
import { TraceIds } from './oidc/trace.js';
import { currentContext } from './platform/context.js';
import { deriveKey } from './platform/crypto.js';
import { createCsrf } from './platform/csrf.js';
import type { Endpoint } from './platform/endpoint.js';
import { notFound } from './platform/errors.js';
import { Metrics } from './platform/metrics.js';
import { Pages } from './platform/page.js';
import { pageHeaders, programHeaders } from './platform/security-headers.js';
import type { Services } from './services.js';
import { createSetupRouter } from './setup/routes.js';
import { shed } from './shed.js';

export interface App {
  /** The doors of people and of the management API. */
  koa: Koa;
  handler: RequestListener;
  metrics: Metrics;
  /** Readiness goes off first, so that a balancer sends nothing new while the rest is answered. */
  drain(): void;
}

export function createApp(services: Services): App {
  const { config, clock, logger, db, tenants, clients, users, resources, protocol, passwords, rateLimits, caching } =
    services;
  const secure = config.issuer.startsWith('https:');

  const metrics = new Metrics({ routes: (route) => !route.includes('?') && route.length < 100 });
  const engineMetrics = {
    tokensIssued: metrics.counter({
      name: 'tokens_issued_total',
      help: 'Token responses by grant type',
      labels: { grant_type: ['authorization_code', 'refresh_token', 'client_credentials'] },
    }),
    engineErrors: metrics.counter({
      name: 'engine_errors_total',
      help: 'Refusals by endpoint and error',
      labels: { endpoint: isName, error: isName },
    }),
  };
  const signIns = metrics.counter({
    name: 'sign_ins_total',
    help: 'Submitted passwords by outcome',
    labels: { outcome: ['ok', 'failed', 'locked', 'denied', 'too_many_requests', 'busy', 'captcha_required'] },
  });
  observeResources(metrics, services);

  const pages = new Pages(services.views, async (ctx) => {
    // A refusal is rendered after the tenant's context has ended, or before anybody knew which tenant it was.
    const tenantId = currentContext()?.tenantId ?? (ctx.state as Partial<FrontState>).tenant?.id;
    const tenant = tenantId ? await tenants.findById(tenantId) : undefined;
    if (!tenant) return { brand: { name: 'Ostiary' } };
    const { company_name, logo_uri } = tenant.settings.branding;
    return { brand: { name: company_name ?? tenant.name, ...(logo_uri ? { logo_uri } : {}) } };
  });
  const traces = new TraceIds(
    protocol.traces,
    logger,
    rateLimits.limiter({ name: 'traces', ...services.limits.traces }),
  );
  const pool = new ProviderPool(
    {
      protocol,
      clients,
      registeredClients: services.registeredClients,
      users,
      resources,
      devices: services.devices,
      egress: services.egress,
      pages: createEnginePages(pages, traces),
      traces,
      metrics: engineMetrics,
      logger,
      rateLimits,
      limits: services.limits,
    },
    tenants,
    services.keys,
    { cookieKeys: config.cookieKeys },
    caching.cache,
  );
  const issuers = new Issuers(tenants, { issuer: config.issuer, domain: config.tenantDomain });
  const door = new EngineDoor(pool, rateLimits, services.limits);
  const engine = new OidcEngine(pool, protocol, services.sealer);
  const csrf = createCsrf(config.cookieKeys.map((key) => deriveKey(key, 'csrf')));

  assertScopes(endpointsOf(services));
  const api = {
    async authenticate(token: string, ctx: Koa.Context) {
      const active = await findActiveToken(protocol, clock, token, `${stateOf(ctx).issuer}/api`);
      if (!active) return undefined;
      const { accountId, clientId } = active;
      const scopes = accountId ? scopesOf(active.scopes, await users.findActive(accountId)) : active.scopes;
      return { actor: { type: accountId ? 'user' : 'client', id: accountId ?? clientId, scopes }, scopes };
    },
    db,
    sealer: services.sealer,
    clock,
    logger,
    issuer: (ctx: Koa.Context) => stateOf(ctx).issuer,
    version,
  } satisfies Omit<ApiOptions, 'endpoints'>;
  const ofInstallation = createApi({ ...api, endpoints: endpointsOf(services) }).routes();
  const ofTenant = createApi({ ...api, endpoints: tenantEndpoints(services) }).routes();
  const { forgottenPasswords } = services;
  const interaction = createInteractionRouter({
    engine,
    clients,
    passwords,
    secondFactors: services.secondFactors,
    passkeys: services.passkeyCeremonies,
    passkeyHints: services.passkeyHints,
    ownFactors: services.ownFactors,
    devices: services.devices,
    signInWatch: services.signInWatch,
    captcha: new CaptchaQuestion(services.captcha, async () => (await tenants.current()).settings.lockout),
    totp: services.totp,
    emailCodes: services.emailCodes,
    magicLinks: services.magicLinks,
    emailVerification: services.emailVerification,
    registration: services.registration,
    forgottenPasswords,
    factorRecoveries: services.factorRecoveries,
    logger,
    recoveryCodes: services.recoveryCodes,
    users,
    grants: protocol.grants,
    resources,
    rateLimits,
    csrf,
    pages,
    clock,
    signIns,
    limits: services.limits,
    layout: async () => (await tenants.current()).settings.sign_in_layout,
    policy: async () => (await tenants.current()).settings.authentication,
    issuerName: async () => {
      const { settings, name } = await tenants.current();
      return settings.branding.company_name ?? name;
    },
    qrCode: (text) => qrCode.toString(text, { type: 'svg', margin: 2 }),
  });
  const setup = createSetupRouter({
    setup: services.setup,
    passwords,
    csrf,
    pages,
    rateLimits,
    limits: services.limits,
  });
  const password = createPasswordRouter({
    passwordLinks: services.passwordLinks,
    passwords,
    csrf,
    pages,
    rateLimits,
    limits: services.limits,
  });
  const forgottenPassword = createForgottenPasswordRouter({ forgottenPasswords, csrf, pages });
  const lockdown = createLockdownRouter({
    lockdown: services.lockdown,
    csrf,
    pages,
    rateLimits,
    limits: services.limits,
  });
  const link = { csrf, pages, rateLimits, limits: services.limits };
  const { magicLinks, emailVerification, passwordLinks, factorRecoveries } = services;
  const letters = [
    createSignInLinkRouter({ ...link, magicLinks }),
    createVerifyEmailRouter({ ...link, emailVerification, passwordLinks }),
    createFactorRecoveryRouter({ ...link, factorRecoveries }),
  ];
  const links = createLinkRouter({
    emailChange: services.emailChange,
    accountDeletion: services.accountDeletion,
    csrf,
    pages,
    rateLimits,
    limits: services.limits,
  });
  const account = openAccount(services, { engine, csrf, pages });
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
  // By cookie, which another page can make a browser send: these answers leave as they are (BREACH).
  koa.use(below('/api/v1/auth', refuseEncodedBodies)).use(below('/api/v1/passkeys', refuseEncodedBodies));
  koa.use(shed(() => services.hasher.assertRoom(), logger));
  koa.use(interaction.json.routes());
  koa.use(account.api.routes());
  koa.use(below('/api/v1', compressReads));
  // What only the operators of the installation may ask for is not there at other tenants.
  koa.use((ctx, next) => (stateOf(ctx).tenant.isDefault ? ofInstallation : ofTenant)(ctx as never, next));
  koa.use(refuseEncodedBodies);
  koa.use(interaction.pages.routes());
  koa.use(setup.routes());
  koa.use(password.routes());
  koa.use(forgottenPassword.routes());
  koa.use(lockdown.routes());
  for (const letter of letters) koa.use(letter.routes());
  koa.use(links.routes());
  koa.use(account.pages.routes());
  koa.use(createWellKnownRouter({ securityContact: config.securityContact, clock }).routes());
  if (config.environment !== 'production' && !config.mailUrl)
    koa.use(createMailboxRouter({ mail: services.mail, pages }).routes());
  koa.use(mountEngine(door));
  koa.use(() => {
    throw notFound('page');
  });
  koa.on('error', (error: unknown) => logger.error('a request failed', { error }));
  const longWay = koa.callback();
  const shortWay = express(issuers, door, programHeaders(secure), longWay);
  const handler = observe(logger, metrics, config.trustProxy, shortWay);
  return { koa, handler, metrics, drain: health.drain };
}

/** Everything the management API answers, at the tenant `default`; the OpenAPI document is printed from the same list. */
export const endpointsOf = (services: Services): Endpoint[] => [
  ...tenantEndpoints(services),
  ...tenantRoutes(services.db, services.tenants),
  ...setupLinkRoutes(services.tenants, services.setup),
];

/** What every tenant has. */
export function tenantEndpoints({
  db,
  clock,
  clients,
  users,
  accountLocks,
  devices,
  passwords,
  passwordLinks,
  resources,
  protocol,
  keys,
  mail,
}: Services): Endpoint[] {
  return [
    ...clientRoutes(db, clients),
    ...clientSecretRoutes(clients),
    ...userRoutes(db, users, passwords),
    ...passwordRoutes(users, passwordLinks),
    ...lockoutRoutes(db, users, accountLocks),
    ...deviceRoutes(users, devices),
    ...resourceRoutes(db, resources),
    ...sessionRoutes(db, protocol, users, clock),
    ...keyRoutes(keys),
    ...mailRoutes(db, mail),
    ...auditRoutes(db),
  ];
}

/** Names of the engine's own making, not of the sender's. */
const isName = (value: string) => /^[a-z_]{1,60}$/.test(value);

/** The name under which requests below a path are measured, until a router says it better. */
const named =
  (prefix: string): Koa.Middleware =>
  async (ctx, next) => {
    if (ctx.path.startsWith(`${prefix}/`)) ctx.state.route = prefix;
    await next();
    if (ctx.state.route === prefix && ctx._matchedRoute) ctx.state.route = String(ctx._matchedRoute);
  };

/** A middleware of one door only. */
const below =
  (prefix: string, middleware: Koa.Middleware): Koa.Middleware =>
  (ctx, next) =>
    ctx.path.startsWith(`${prefix}/`) ? middleware(ctx, next) : next();
