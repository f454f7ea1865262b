// What is done to a new provider, one line each: the places where the engine leaves a decision to us, or makes one that is ours. A grant type of our
// own is registered here too; it is then exchanged like all others, in one unit (provider.ts).
import type { Provider } from 'oidc-provider';
import { clockTolerance, routes } from '../../config/protocol.js';
import type { Logger } from '../platform/logger.js';
import type { RateLimits } from '../platform/rate-limit.js';
import { compareSecrets, mayIntrospect } from './client-auth.js';
import type { ConfigurationDependencies, Issuer } from './configuration/chapter.js';
import type { EngineContext } from './engine-types.js';
import { type EngineMetrics, emitterOf, listen } from './events.js';
import { readStrictly } from './json-in-requests.js';
import { jwtTokens } from './jwt-tokens.js';
import { keepClients, withoutCalls } from './known-clients.js';
import { answerAcr } from './policy.js';
import { clientManagement } from './registration.js';
import { believeRetired } from './retired-keys.js';
import { keepInteractions, keepSessions } from './session.js';
import type { TraceIds } from './trace.js';

export interface ProviderDependencies extends ConfigurationDependencies {
  traces: TraceIds;
  metrics: EngineMetrics;
  logger: Logger;
  rateLimits: RateLimits;
  limits: { clientSecretFailures: { points: number; seconds: number } };
}

type Extension = (provider: Provider, deps: ProviderDependencies, issuer: Issuer) => void;

/** In this order: middleware runs from the first to the last. */
export const extensions: readonly Extension[] = [
  // Without a listener Koa would print what it met, unredacted, to stderr.
  (provider, { logger }) =>
    emitterOf(provider).on('error', (error: Error) => logger.warn('a request to the engine broke off', { error })),
  (provider, { protocol }, { sessions }) => keepSessions(provider, protocol, sessions),
  (provider) => answerAcr(provider),
  (provider, { protocol }) => keepInteractions(provider, protocol),
  (provider, { protocol }) => {
    provider.ReplayDetection.unique = (iss: string, jti: string, exp: number) =>
      protocol.replays.unique(iss, jti, exp + clockTolerance);
  },
  (provider, _deps, issuer) => believeRetired(provider, issuer),
  (provider, { clients }) => keepClients(provider, clients),
  (provider, deps) => compareSecrets(provider, deps),
  (provider) => withoutCalls(provider),
  // RFC 7523 §3: the audience of an assertion is the issuer, and nothing a sender could steer.
  (provider, _deps, issuer) => {
    provider.OIDCContext.prototype.clientJwtAuthExpectedAudience = () => new Set([issuer.url]);
  },
  (provider) => readStrictly(provider),
  (provider, { clients }) => provider.use(below([routes.registration], clientManagement(clients))),
  (provider, { protocol }, issuer) =>
    provider.use(below([routes.introspection, routes.revocation], jwtTokens(issuer, protocol.denied, mayIntrospect))),
  (provider, { pages }) => provider.use(below([routes.end_session], pages.replaceBounce)),
  (provider, { traces }) => traces.listen(provider),
  (provider, { metrics, logger, traces }) => listen(provider, metrics, logger, (ctx) => traces.of(ctx)),
];

type EngineMiddleware = (ctx: EngineContext, next: () => Promise<void>) => Promise<void>;

/** All other requests pass without a stop. */
function below(paths: readonly string[], work: EngineMiddleware): EngineMiddleware {
  const places = paths.map((path) => ({ path, inside: `${path}/` }));
  return (ctx, next) =>
    places.some(({ path, inside }) => ctx.path === path || ctx.path.startsWith(inside)) ? work(ctx, next) : next();
}
