// What one issuer is, and the engine configured for it: an object literal in the order of the specifications.
import { randomBytes } from 'node:crypto';
import type { Configuration, JWK } from 'oidc-provider';
import { acrValues, claimsByScope, clockTolerance, lifetimes, routes, scopes } from '../../config/protocol.js';
import { AUTH_METHODS, CLIENT_ALGS, RESPONSE_TYPES, SERVER_ALGS } from '../features/clients/client.metadata.js';
import type { ClientService } from '../features/clients/client.service.js';
import { pairwiseSubject } from '../features/clients/pairwise.js';
import type { RegisteredClients } from '../features/clients/registered-clients.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { Devices } from '../features/devices/device.service.js';
import type { Protocol } from '../features/protocol/protocol.js';
import type { BindingPolicy } from '../features/protocol/session-binding.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { UserService } from '../features/users/user.service.js';
import { epochSeconds } from '../platform/clock.js';
import type { Egress } from '../platform/egress.js';
import { createFindAccount } from './account.js';
import { createAdapter } from './adapter.js';
import { isForNow, mayIntrospect, mayRevoke } from './client-auth.js';
import { clientSettings, settingsOf } from './engine-types.js';
import { createLoadExistingGrant } from './grant.js';
import { standsOn } from './jwt-tokens.js';
import type { EnginePages } from './pages.js';
import { createPolicy } from './policy.js';
import { refusedRegistration } from './registration.js';
import { createResourceServerInfo } from './resources.js';

export interface ConfigurationDependencies {
  protocol: Protocol;
  clients: ClientService;
  registeredClients: RegisteredClients;
  users: UserService;
  resources: ResourceService;
  devices: Devices;
  secondFactors: Pick<SecondFactors, 'of'>;
  egress: Egress;
  pages: EnginePages;
}

/** What one issuer is made of; all of it must be the same before and after a rebuild, or flows begun earlier would break. */
export interface Issuer {
  url: string;
  /** Distinguishes the cookies of tenants that share a host. */
  cookieName: string;
  cookieKeys: string[];
  dpopNonceSecret: Buffer;
  pairwiseSalt: string;
  /** Lifetimes in seconds: since the last use, and since the sign-in. */
  sessions: { idle: number; absolute: number } & BindingPolicy;
  authentication: AuthenticationPolicy;
  /** In which cookie browsers hold what they are recognised by. */
  handlesCookie: string;
  /** Private JWKs, the current ones first. */
  jwks: JWK[];
  /** Public JWKs that are published no longer, and are still believed in an id_token_hint. */
  retired: JWK[];
}

export function configuration(deps: ConfigurationDependencies, issuer: Issuer): Configuration {
  const secure = issuer.url.startsWith('https:');
  return {
    adapter: createAdapter(deps.protocol, deps.clients, deps.registeredClients),
    findAccount: createFindAccount(deps.users) as Configuration['findAccount'],
    jwks: { keys: issuer.jwks },

    // OAuth 2.0 (RFC 6749), PKCE (RFC 7636), bearer tokens (RFC 6750), BCP (RFC 9700)
    responseTypes: [...RESPONSE_TYPES],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    extraTokenClaims: async (_ctx, token) => standsOn(token),
    expiresWithSession: async (_ctx, token) => !token.scopes.has('offline_access'),
    revokeGrantPolicy: (ctx) => !(ctx.oidc.route === 'revocation' && ctx.oidc.entities.AccessToken),
    clientAuthMethods: [...AUTH_METHODS],
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
        const since = session.loginTs ?? session.iat ?? epochSeconds(new Date());
        return Math.max(1, Math.min(issuer.sessions.idle, since + issuer.sessions.absolute - epochSeconds(new Date())));
      },
    },

    // OpenID Connect Core
    scopes: [...scopes],
    claims: {
      ...Object.fromEntries(Object.entries(claimsByScope).map(([scope, claims]) => [scope, [...claims]])),
      sid: null,
      iss: null,
    },
    acrValues: [...acrValues],
    discovery: {
      prompt_values_supported: [
        'none',
        'login',
        'consent',
        'select_account',
        ...(issuer.authentication.registration === 'open' ? ['create'] : []),
      ],
    },
    conformIdTokenClaims: true,
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: async (_ctx, accountId, client) =>
      pairwiseSubject(issuer.pairwiseSalt, client.sectorIdentifier, accountId),
    interactions: {
      policy: createPolicy({
        policy: issuer.authentication,
        devices: deps.devices,
        secondFactors: deps.secondFactors,
        handlesCookie: issuer.handlesCookie,
      }),
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
      idTokenSigningAlgValues: [...SERVER_ALGS],
      userinfoSigningAlgValues: [...SERVER_ALGS],
      introspectionSigningAlgValues: [...SERVER_ALGS],
      authorizationSigningAlgValues: [...SERVER_ALGS],
      requestObjectSigningAlgValues: [...CLIENT_ALGS],
      clientAuthSigningAlgValues: [...CLIENT_ALGS],
      dPoPSigningAlgValues: [...CLIENT_ALGS],
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
      // What is registered and published; sessions tell of their end themselves (withoutCalls).
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: deps.pages.confirmLogout,
        postLogoutSuccessSource: deps.pages.signedOut,
      },
    },
  };
}
