// One issuer, configured: an object literal in the order of the specifications, and the places where the engine leaves a decision to us.
import { randomBytes } from 'node:crypto';
import { type Configuration, errors, type JWK, Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import { claimsByScope, clockTolerance, lifetimes, reachableAcrValues, routes, scopes } from '../../config/protocol.js';
import type { ClientService } from '../features/clients/client.service.js';
import type { RegisteredClients } from '../features/clients/registered-clients.js';
import type { Protocol } from '../features/protocol/protocol.js';
import { SessionEnded } from '../features/protocol/sessions.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import type { UserService } from '../features/users/user.service.js';
import { currentContext, currentTenantId } from '../platform/context.js';
import { hmac } from '../platform/crypto.js';
import type { Egress } from '../platform/egress.js';
import type { Logger } from '../platform/logger.js';
import { clientKey, type RateLimits } from '../platform/rate-limit.js';
import { createFindAccount } from './account.js';
import { createAdapter, currentEngineContext, requestOf } from './adapter.js';
import { clientSettings, type EngineContext, settingsOf } from './engine-types.js';
import { type EngineMetrics, emitterOf, listen } from './events.js';
import { exchanging } from './exchange.js';
import { createLoadExistingGrant } from './grant.js';
import { jwtTokens } from './jwt-tokens.js';
import type { EnginePages } from './pages.js';
import { createPolicy } from './policy.js';
import { clientManagement, refusedRegistration } from './registration.js';
import { createResourceServerInfo } from './resources.js';
import type { TraceIds } from './trace.js';

export interface ProviderDependencies {
  protocol: Protocol;
  clients: ClientService;
  registeredClients: RegisteredClients;
  users: UserService;
  resources: ResourceService;
  egress: Egress;
  pages: EnginePages;
  traces: TraceIds;
  metrics: EngineMetrics;
  logger: Logger;
  rateLimits: RateLimits;
  limits: { clientSecretFailures: { points: number; seconds: number } };
}

/** What one issuer is made of; all of it must be the same before and after a rebuild, or flows begun earlier would break. */
export interface Issuer {
  tenantId: string;
  url: string;
  /** Distinguishes the cookies of tenants that share a host. */
  cookieName: string;
  cookieKeys: string[];
  dpopNonceSecret: Buffer;
  pairwiseSalt: string;
  /** Lifetimes in seconds: since the last use, and since the sign-in. */
  sessions: { idle: number; absolute: number };
  /** Private JWKs, the current ones first. */
  jwks: JWK[];
}

export function createProvider(deps: ProviderDependencies, issuer: Issuer): Provider {
  const provider = new OstiaryProvider(issuer.url, configuration(deps, issuer), deps.protocol, deps.pages);
  // Cookies, hosts and schemes are decided by the front, which has overwritten what the sender claimed.
  provider.proxy = true;
  // Without a listener Koa would print what it met, unredacted, to stderr.
  emitterOf(provider).on('error', (error: Error) => deps.logger.warn('a request to the engine broke off', { error }));
  keepSessions(provider, deps.protocol);
  joinTabs(provider);
  provider.ReplayDetection.unique = (iss: string, jti: string, exp: number) =>
    deps.protocol.replays.unique(iss, jti, exp + clockTolerance);
  compareSecrets(provider, deps);
  // RFC 7523 §3: the audience of an assertion is the issuer, and nothing a sender could steer.
  provider.OIDCContext.prototype.clientJwtAuthExpectedAudience = () => new Set([issuer.url]);
  provider.use(clientManagement(deps.clients));
  provider.use(jwtTokens(issuer, deps.protocol.denied, mayIntrospect));
  provider.use(deps.pages.replaceBounce);
  deps.traces.listen(provider);
  listen(provider, deps.metrics, deps.logger);
  return provider;
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

function configuration(deps: ProviderDependencies, issuer: Issuer): Configuration {
  const secure = issuer.url.startsWith('https:');
  return {
    adapter: createAdapter(deps.protocol, deps.clients, deps.registeredClients),
    findAccount: createFindAccount(deps.users) as Configuration['findAccount'],
    jwks: { keys: issuer.jwks },

    // OAuth 2.0 (RFC 6749), PKCE (RFC 7636), bearer tokens (RFC 6750), BCP (RFC 9700)
    responseTypes: ['code', 'none'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    // RFC 9068 tokens carry the grant they stand on, so that they can be introspected and revoked.
    extraTokenClaims: async (_ctx, token) =>
      token.resourceServer?.accessTokenFormat === 'jwt' && 'grantId' in token ? { gid: token.grantId } : undefined,
    expiresWithSession: async (_ctx, token) => !token.scopes.has('offline_access'),
    revokeGrantPolicy: (ctx) => !(ctx.oidc.route === 'revocation' && ctx.oidc.entities.AccessToken),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    clockTolerance,
    assertJwtClientAuthClaimsAndHeader: isForNow,
    ttl: {
      AccessToken: (_ctx, token, client) =>
        token.resourceServer?.accessTokenTTL ?? settingsOf(client).access_token_ttl ?? lifetimes.accessToken,
      AuthorizationCode: lifetimes.authorizationCode,
      ClientCredentials: (_ctx, token, client) =>
        token.resourceServer?.accessTokenTTL ?? settingsOf(client).access_token_ttl ?? lifetimes.clientCredentials,
      Grant: lifetimes.grant,
      IdToken: lifetimes.idToken,
      Interaction: lifetimes.interaction,
      RefreshToken: (_ctx, token, client) => {
        const idle = settingsOf(client).refresh_token_ttl ?? lifetimes.refreshTokenIdle;
        return Math.max(1, Math.min(idle, lifetimes.refreshTokenAbsolute - token.totalLifetime()));
      },
      Session: (_ctx, session) => {
        const since = session.loginTs ?? session.iat ?? now();
        return Math.max(1, Math.min(issuer.sessions.idle, since + issuer.sessions.absolute - now()));
      },
    },

    // OpenID Connect Core
    scopes: [...scopes],
    claims: {
      ...Object.fromEntries(Object.entries(claimsByScope).map(([scope, claims]) => [scope, [...claims]])),
      sid: null,
      iss: null,
    },
    acrValues: [...reachableAcrValues],
    conformIdTokenClaims: true,
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: async (_ctx, accountId, client) =>
      hmac(issuer.pairwiseSalt, `${client.sectorIdentifier}\0${accountId}`),
    interactions: {
      policy: createPolicy(),
      url: (_ctx, interaction) => `${issuer.url}/interaction/${interaction.uid}`,
    },
    loadExistingGrant: createLoadExistingGrant(deps.protocol) as Configuration['loadExistingGrant'],
    cookies: {
      keys: issuer.cookieKeys,
      names: {
        session: secure ? `__Host-${issuer.cookieName}` : issuer.cookieName,
        // The engine scopes these two by path, which a __Host- cookie must not be.
        interaction: secure ? '__Secure-ostiary_interaction' : 'ostiary_interaction',
        resume: secure ? '__Secure-ostiary_resume' : 'ostiary_resume',
      },
      long: { httpOnly: true, sameSite: 'lax', secure, signed: true, path: '/' },
      short: { httpOnly: true, sameSite: 'lax', secure, signed: true },
    },
    routes,
    renderError: deps.pages.renderError,

    // Clients (RFC 7591, RFC 7592)
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    extraClientMetadata: { properties: clientSettings, validator: refusedRegistration as never },
    clientBasedCORS: (_ctx, origin, client) => settingsOf(client).allowed_cors_origins?.includes(origin) ?? false,
    // No HMAC and no symmetric encryption anywhere: a client secret is kept as a hash and can be no key.
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256', 'RS256'],
      userinfoSigningAlgValues: ['ES256', 'RS256'],
      introspectionSigningAlgValues: ['ES256', 'RS256'],
      authorizationSigningAlgValues: ['ES256', 'RS256'],
      requestObjectSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA'],
      clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    },
    fetch: ((url: URL | string, options?: RequestInit) =>
      deps.egress.fetch(String(url), options)) as Configuration['fetch'],
    fetchResponseBodyLimits: { jwks_uri: 256 * 1024, sector_identifier_uri: 64 * 1024 } as never,

    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
      jwtUserinfo: { enabled: true },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async (_ctx, client, token) => mayIntrospect(client, token) },
      revocation: { enabled: true, allowedPolicy: mayRevoke },
      registration: {
        enabled: true,
        initialAccessToken: true,
        issueRegistrationAccessToken: true,
        secretFactory: () => randomBytes(32).toString('base64url'),
      },
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
      dPoP: { enabled: true, nonceSecret: issuer.dpopNonceSecret, requireNonce: () => false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: createResourceServerInfo(deps.resources) as never,
        defaultResource: (_ctx, _client, oneOf) => oneOf as never,
        useGrantedResource: () => false,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: deps.pages.confirmLogout,
        postLogoutSuccessSource: deps.pages.signedOut,
      },
    },
  };
}

const now = () => Math.floor(Date.now() / 1000);

/**
 * RFC 7519 §4.1.6: the engine looks at exp and nbf; a clock too far ahead shows in iat alone. RFC 7523 §3: an assertion is for now, and its
 * end bounds how long its jti must be remembered.
 */
async function isForNow(_ctx: unknown, claims: { iat?: unknown; exp?: unknown }): Promise<void> {
  if (typeof claims.iat === 'number' && claims.iat > now() + clockTolerance)
    throw new errors.InvalidClientAuth('the assertion was issued in the future');
  if (Number(claims.exp) > now() + lifetimes.clientAssertion + clockTolerance)
    throw new errors.InvalidClientAuth('the assertion lives too long');
}

/** A public client learns about its own tokens only: it proves nothing about itself (RFC 7662 §4). */
const mayIntrospect = (
  client: { clientId: string; clientAuthMethod?: string },
  token: { clientId?: string },
): boolean => client.clientAuthMethod !== 'none' || token.clientId === client.clientId;

/** RFC 7009 §2.1: a client revokes its own tokens. Who proves nothing about itself learns nothing about those of others. */
async function mayRevoke(
  _ctx: unknown,
  client: { clientId: string; clientAuthMethod?: string },
  token: { clientId?: string },
): Promise<boolean> {
  if (token.clientId === client.clientId) return true;
  if (client.clientAuthMethod === 'none') return false;
  throw new errors.InvalidRequest('client is not authorized to revoke the presented token');
}

/** Against hashes, and not for ever: wrong secrets are counted per client and address (RFC 6749 §2.3.1). */
function compareSecrets(provider: Provider, { clients, rateLimits, limits }: ProviderDependencies): void {
  const failures = rateLimits.limiter({ name: 'client_secret', ...limits.clientSecretFailures });
  const compare = async (clientId: string, actual: string): Promise<boolean> => {
    const key = `${currentTenantId()} ${clientId} ${clientKey(currentContext()?.ip)}`;
    if ((await failures.peek(key)).remaining === 0) return false;
    const right = await clients.compareSecret(clientId, actual);
    if (!right) await failures.consume(key).catch(() => {});
    return right;
  };
  provider.Client.prototype.compareClientSecret = function (this: { clientId: string }, actual: string) {
    return compare(this.clientId, actual) as unknown as boolean;
  };
}

interface EngineSession {
  uid: string;
  jti: string;
  exp: number;
  oldId?: string;
  destroyed?: boolean;
  touched?: boolean;
  [member: string]: unknown;
}

/** Sessions are saved by uid, merged, and never after they have ended (features/protocol/sessions.ts). */
function keepSessions(provider: Provider, protocol: Protocol): void {
  const fields = (provider.Session as unknown as { IN_PAYLOAD: string[] }).IN_PAYLOAD;
  const prototype = provider.Session.prototype as unknown as {
    save(ttl: number): Promise<string>;
    destroy(): Promise<void>;
  };

  prototype.save = async function (this: EngineSession, ttl: number): Promise<string> {
    const ctx = currentEngineContext();
    const request = requestOf(ctx);
    request.rotatedFrom = this.oldId;
    request.signedIn = Boolean(ctx?.oidc.result?.login);
    const exp = now() + ttl;
    const payload = Object.fromEntries(
      fields.map((field) => [field, this[field]]).filter(([, value]) => value !== undefined),
    );
    if (!protocol.sessions.isUnchanged(request, payload, exp)) {
      this.exp = exp;
      try {
        const current = await protocol.sessions.save(request, this.jti, {
          iat: now(),
          ...payload,
          kind: 'Session',
          exp,
        });
        if (!current) keepNewerCookie(ctx, provider.cookieName('session'));
      } catch (error) {
        if (!(error instanceof SessionEnded)) throw error;
        this.destroyed = true;
        keepNewerCookie(ctx, provider.cookieName('session'));
        throw new errors.SessionNotFound('the session has ended');
      }
    }
    this.touched = false;
    return this.jti;
  };

  prototype.destroy = async function (this: EngineSession): Promise<void> {
    await protocol.sessions.end(requestOf(currentEngineContext()), this.uid, 'logout');
    this.destroyed = true;
  };
}

/**
 * Two tabs that sign in at once make two sessions of one account, and the browser keeps one of them: what the other has begun goes on in that
 * one. Where a tab comes with a cookie that a sign-in in the other has just retired, it has no session at all: whoever proved in this very
 * interaction who they are gets a new one. The engine compares the sessions when an interaction resumes, and would refuse both.
 */
function joinTabs(provider: Provider): void {
  interface Resumed {
    session?: { uid?: string; accountId?: string };
    result?: { login?: { accountId?: string } };
  }
  const model = provider.Interaction as unknown as {
    find(id: string, options?: object): Promise<Resumed | undefined>;
  };
  const find = model.find;
  model.find = async function (id, options) {
    const interaction = await find.call(this, id, options);
    const ctx = currentEngineContext();
    const browser = ctx?.oidc?.route === 'resume' ? ctx.oidc.session : undefined;
    const begun = interaction?.session;
    if (!browser || !begun?.accountId) return interaction;
    if (browser.accountId === begun.accountId) begun.uid = String(browser.uid);
    else if (!browser.accountId && interaction?.result?.login?.accountId === begun.accountId) delete begun.uid;
    return interaction;
  };
}

/** The browser has (or will get) a newer session cookie than the one this answer was about to set. */
function keepNewerCookie(ctx: EngineContext | undefined, name: string): void {
  const cookies = ctx?.response.get('set-cookie') as string | string[] | undefined;
  if (!ctx || !cookies) return;
  const kept = [cookies]
    .flat()
    .filter((cookie) => !cookie.startsWith(`${name}=`) && !cookie.startsWith(`${name}.sig=`));
  if (kept.length > 0) ctx.set('set-cookie', kept);
  else ctx.remove('set-cookie');
}
