// One issuer, as a provider of the engine: its configuration, and the places where the engine leaves a decision to us.
import { type Configuration, Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import { clockTolerance, routes } from '../../config/protocol.js';
import type { Protocol } from '../features/protocol/protocol.js';
import type { Logger } from '../platform/logger.js';
import type { RateLimits } from '../platform/rate-limit.js';
import { compareSecrets, mayIntrospect } from './client-auth.js';
import { type ConfigurationDependencies, configuration, type Issuer } from './configuration.js';
import type { EngineContext } from './engine-types.js';
import { type EngineMetrics, emitterOf, listen } from './events.js';
import { exchanging } from './exchange.js';
import { jwtTokens } from './jwt-tokens.js';
import { keepClients, withoutCalls } from './known-clients.js';
import type { EnginePages } from './pages.js';
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

export function createProvider(deps: ProviderDependencies, issuer: Issuer): Provider {
  const provider = new OstiaryProvider(issuer.url, configuration(deps, issuer), deps.protocol, deps.pages);
  // Cookies, hosts and schemes are decided by the front, which has overwritten what the sender claimed.
  provider.proxy = true;
  // Without a listener Koa would print what it met, unredacted, to stderr.
  emitterOf(provider).on('error', (error: Error) => deps.logger.warn('a request to the engine broke off', { error }));
  keepSessions(provider, deps.protocol, issuer.sessions);
  answerAcr(provider);
  keepInteractions(provider, deps.protocol);
  provider.ReplayDetection.unique = (iss: string, jti: string, exp: number) =>
    deps.protocol.replays.unique(iss, jti, exp + clockTolerance);
  believeRetired(provider, issuer);
  keepClients(provider, deps.clients);
  compareSecrets(provider, deps);
  withoutCalls(provider);
  // RFC 7523 §3: the audience of an assertion is the issuer, and nothing a sender could steer.
  provider.OIDCContext.prototype.clientJwtAuthExpectedAudience = () => new Set([issuer.url]);
  provider.use(below([routes.registration], clientManagement(deps.clients)));
  provider.use(
    below([routes.introspection, routes.revocation], jwtTokens(issuer, deps.protocol.denied, mayIntrospect)),
  );
  provider.use(below([routes.end_session], deps.pages.replaceBounce));
  deps.traces.listen(provider);
  listen(provider, deps.metrics, deps.logger);
  return provider;
}

type EngineMiddleware = (ctx: EngineContext, next: () => Promise<void>) => Promise<void>;

/** All other requests pass without a stop. */
function below(paths: readonly string[], work: EngineMiddleware): EngineMiddleware {
  const places = paths.map((path) => ({ path, inside: `${path}/` }));
  return (ctx, next) =>
    places.some(({ path, inside }) => ctx.path === path || ctx.path.startsWith(inside)) ? work(ctx, next) : next();
}

class OstiaryProvider extends Provider {
  constructor(
    issuer: string,
    configuration: Configuration,
    private readonly protocol: Protocol,
    private readonly pages: EnginePages,
  ) {
    super(issuer, configuration);
  }

  /** The engine registers its own grant types through this too, from its constructor; `protocol` is read when a request comes. */
  override registerGrantType<Params extends object>(
    name: string,
    handler: (ctx: TokenEndpointGrantContext<Params>) => void | Promise<void>,
    ...rest: [Names?, Names?]
  ): void {
    const engine = handler as unknown as (ctx: EngineContext) => Promise<void>;
    super.registerGrantType(name, (ctx) => exchanging(this.protocol, name, engine)(ctx), ...rest);
  }

  /** OAuth 2.0 Form Post Response Mode as a page of ours, which works without JavaScript. */
  override registerResponseMode(name: string, handler: Parameters<Provider['registerResponseMode']>[1]): void {
    const ours: typeof handler = (ctx, redirectUri, fields) =>
      this.pages.formPost(ctx, redirectUri, fields as Record<string, string>);
    super.registerResponseMode(name, name === 'form_post' ? ours : handler);
  }
}

type Names = string | readonly string[] | ReadonlySet<string>;
