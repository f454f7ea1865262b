// The engine, wired: one provider per tenant in a pool, the door in front of it, and the narrow view of it that other doors get.
import { apiPolicyOf } from '../features/tenants/api-policy.js';
import type { Observed } from '../front.js';
import { grantGoesOn, measuredAsMaintenance } from '../maintenance-doors.js';
import { EngineActingTokens } from '../oidc/acting-tokens.js';
import { createDevicePages } from '../oidc/device-pages.js';
import { OidcEngine } from '../oidc/engine.js';
import { EngineDoor } from '../oidc/engine-door.js';
import type { EngineMetrics } from '../oidc/events.js';
import { apiKeys } from '../oidc/grants/presented-keys.js';
import { createEnginePages } from '../oidc/pages.js';
import { ProviderPool } from '../oidc/provider-pool.js';
import type { AfterSignOut } from '../oidc/signed-out.js';
import { TraceIds } from '../oidc/trace.js';
import type { Pages } from '../platform/page.js';
import type { Services } from '../services.js';

interface Surroundings {
  pages: Pages;
  metrics: EngineMetrics;
  afterSignOut: AfterSignOut;
}

export function openEngine(
  services: Services,
  { pages, metrics, afterSignOut }: Surroundings,
): { engine: OidcEngine; door: EngineDoor; actingTokens: EngineActingTokens } {
  const { config, tenants, keys, protocol, rateLimits, limits, logger, caching, maintenance } = services;
  const traces = new TraceIds(services.traces, logger, rateLimits.limiter({ name: 'traces', ...limits.traces }));
  const enginePages = createEnginePages(pages, traces);
  const pool = new ProviderPool(
    {
      protocol,
      clients: services.clients,
      registeredClients: services.registeredClients,
      initialAccessTokens: services.initialAccessTokens,
      softwareStatements: services.softwareStatements,
      documents: services.documents,
      unusedClients: services.unusedClients,
      users: services.users,
      resources: services.resources,
      roles: services.roles,
      devices: services.devices,
      organizationAccess: services.organizationAccess,
      secondFactors: services.secondFactors,
      exchanges: services.exchanges,
      assertions: services.assertions,
      readKey: apiKeys(
        services.presentedKeys,
        services.apiKeyUsage,
        services.apiKeyRequests,
        async () => apiPolicyOf(await tenants.current()).test_keys,
      ),
      upstreamSessions: services.upstreamSessions,
      backchannelRequests: services.backchannelRequests,
      unknownHints: rateLimits.limiter({ name: 'unknown_hints', ...limits.unknownHints }),
      egress: services.egress,
      pages: enginePages,
      afterSignOut,
      devicePages: createDevicePages(pages, enginePages.renderError),
      traces,
      metrics,
      logger,
      rateLimits,
      limits,
      maintenance: {
        current: () => maintenance.current(),
        secondsLeft: (closure) => maintenance.secondsLeft(closure),
        goesOn: grantGoesOn,
        turnedAway: (req) => measuredAsMaintenance(req as Observed),
      },
    },
    tenants,
    keys,
    { cookieKeys: config.cookieKeys, aliasOrigin: config.mutualTls?.origin },
    caching.cache,
  );
  return {
    engine: new OidcEngine(pool, protocol, services.sealer),
    door: new EngineDoor(pool, rateLimits, limits),
    actingTokens: new EngineActingTokens(pool, services.resources),
  };
}
