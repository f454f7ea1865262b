// What is done to a new provider, one line each: the places where the engine leaves a decision to us, or makes one that is ours. A grant type of our
// own is registered here too; it is then exchanged like all others, in one unit (provider.ts).
import type { Provider } from 'oidc-provider';
import { routes } from '../../config/protocol.js';
import type { UnusedClients } from '../features/clients/registration/unused-clients.js';
import type { UpstreamSessions } from '../features/connections/upstream-sessions.js';
import type { Exchanges } from '../features/exchange/exchanges.js';
import type { Assertions } from '../features/trusted-issuers/assertions.js';
import type { Logger } from '../platform/logger.js';
import type { RateLimits } from '../platform/rate-limit.js';
import type { Around } from './around.js';
import { proveAtAliases, sayWhatIsThere, sayWhichAliases } from './certificates.js';
import { tellBackchannelInterval, tellNoUserCodes } from './ciba.js';
import { compareSecrets, introspectionPolicy, readsDetails } from './client-auth.js';
import { refuseCompatibility } from './compatibility.js';
import type { ConfigurationDependencies, Issuer } from './configuration/chapter.js';
import { tellInterval, userCodes } from './device-door.js';
import { bindRefreshTokens } from './dpop.js';
import { type EngineMetrics, emitterOf, listen } from './events.js';
import { jwtBearer } from './grants/jwt-bearer.js';
import type { ReadKey } from './grants/presented-keys.js';
import { tokenExchange } from './grants/token-exchange.js';
import { jwtTokens } from './jwt-tokens.js';
import { keepClients, noteFirstUse, withoutCalls } from './known-clients.js';
import type { GrantsInMaintenance } from './maintenance.js';
import { answerForOrganization } from './organization.js';
import { endWithProof } from './organization-claims.js';
import { readParameters } from './parameters.js';
import { answerAcr } from './policy.js';
import { pacePolls, pollLimiter } from './poll-pace.js';
import { discoveryRoutes, withoutEmptyLists } from './published.js';
import { pushedOnly } from './pushed-only.js';
import { asEverybody, clientManagement } from './registration.js';
import { countOnce } from './replays.js';
import { believeRetired } from './retired-keys.js';
import { keepInteractions, keepSessions } from './session.js';
import { bindToSessions, keepOrganization } from './session-grants.js';
import { type AfterSignOut, tellUpstream } from './signed-out.js';
import type { TraceIds } from './trace.js';

export interface ProviderDependencies extends ConfigurationDependencies {
  exchanges: Exchanges;
  assertions: Assertions;
  readKey: ReadKey;
  upstreamSessions: Pick<UpstreamSessions, 'remember'>;
  afterSignOut: AfterSignOut;
  unusedClients: Pick<UnusedClients, 'used'>;
  traces: TraceIds;
  metrics: EngineMetrics;
  logger: Logger;
  rateLimits: RateLimits;
  maintenance: GrantsInMaintenance;
  limits: Record<
    'clientSecretFailures' | 'clientRegistrations' | 'userCodeFailures' | 'polls',
    { points: number; seconds: number }
  >;
}

type Extension = (provider: Provider, deps: ProviderDependencies, issuer: Issuer, around: Around) => void;

/** In this order: what is done around an endpoint is done from the first to the last. */
export const extensions: readonly Extension[] = [
  // Without a listener Koa would print what it met, unredacted, to stderr.
  (provider, { logger }) =>
    emitterOf(provider).on('error', (error: Error) => logger.warn('a request to the engine broke off', { error })),
  (provider, { protocol, upstreamSessions }, { sessions }) =>
    keepSessions(provider, protocol, sessions, upstreamSessions),
  (provider) => bindToSessions(provider),
  (provider) => keepOrganization(provider),
  (provider, { organizationAccess }) => endWithProof(provider, organizationAccess),
  (provider) => answerAcr(provider),
  (provider) => answerForOrganization(provider),
  (provider, { protocol }) => keepInteractions(provider, protocol),
  (provider, { protocol }) => countOnce(provider, protocol.replays),
  (provider) => bindRefreshTokens(provider),
  (provider, _deps, issuer) => believeRetired(provider, issuer),
  (provider, deps, issuer) => tokenExchange(provider, deps, issuer),
  (provider, deps, issuer) => jwtBearer(provider, deps, issuer),
  // Inside of what keeps clients: asked where one is made. The policy stays what it is as long as the engine lives.
  (provider, { clients }, { protocol }) => refuseCompatibility(provider, clients, protocol),
  (provider, { documents }) => keepClients(provider, documents),
  (provider, _deps, { protocol }) => pushedOnly(provider, protocol),
  (provider, deps) => compareSecrets(provider, deps),
  (provider, { unusedClients, logger }) => noteFirstUse(provider, unusedClients, logger),
  (provider) => withoutCalls(provider),
  // RFC 7523 §3: the audience of an assertion is the issuer, and nothing a sender could steer.
  (provider, _deps, issuer) => {
    provider.OIDCContext.prototype.clientJwtAuthExpectedAudience = () => new Set([issuer.url]);
  },
  (provider) => readParameters(provider),
  (_provider, _deps, _issuer, around) => around.below(discoveryRoutes, withoutEmptyLists),
  (provider) => proveAtAliases(provider),
  (_provider, _deps, { aliases }, around) =>
    around.below(discoveryRoutes, async (ctx, next) => {
      await next();
      if (aliases === undefined) sayWhatIsThere(ctx);
      else sayWhichAliases(ctx);
    }),
  (_provider, { rateLimits, limits }, { protocol }, around) => {
    if (protocol.registration !== 'open') return;
    const limiter = rateLimits.limiter({ name: 'client_registrations', ...limits.clientRegistrations });
    around.below([routes.registration], asEverybody(limiter));
  },
  (_provider, { clients }, _issuer, around) => around.below([routes.registration], clientManagement(clients)),
  (_provider, { protocol, resources }, issuer, around) => {
    const mayIntrospect = introspectionPolicy(resources, issuer.protocol);
    const tokens = jwtTokens(issuer, protocol.denied, mayIntrospect, readsDetails(resources));
    around.below([routes.introspection, routes.revocation], tokens);
  },
  (_provider, { pages }, _issuer, around) => around.below([routes.end_session], pages.replaceBounce),
  (_provider, { afterSignOut }, { url }, around) => around.below([routes.end_session], tellUpstream(url, afterSignOut)),
  (_provider, _deps, _issuer, around) => around.below([routes.device_authorization], tellInterval),
  (_provider, deps, issuer, around) => around.below([routes.code_verification], userCodes(deps, issuer.url)),
  (provider, { rateLimits, limits }) =>
    pacePolls(provider.DeviceCode, pollLimiter(rateLimits, 'device_poll', limits.polls)),
  (_provider, _deps, _issuer, around) => around.below([routes.backchannel_authentication], tellBackchannelInterval),
  (_provider, _deps, _issuer, around) => around.below(discoveryRoutes, tellNoUserCodes),
  (provider, { rateLimits, limits }) =>
    pacePolls(provider.BackchannelAuthenticationRequest, pollLimiter(rateLimits, 'backchannel_poll', limits.polls)),
  (provider, { traces }) => traces.listen(provider),
  (provider, { metrics, logger, traces }) => listen(provider, metrics, logger, (ctx) => traces.of(ctx)),
];
