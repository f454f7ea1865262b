// The management API, wired: who a bearer token speaks for, and what is answered where.
import type { Context, Middleware } from 'koa';
import { version } from '../../config/root.js';
import type { Authenticate, Shown } from '../api/bearer.js';
import { type ApiOptions, createApi } from '../api/routes.js';
import type { Serving } from '../api/serving.js';
import { installationEndpoints, tenantEndpoints } from '../endpoints.js';
import { settingsOf } from '../features/clients/client-settings.js';
import { findActiveToken, type JudgeProof } from '../features/protocol/active-token.js';
import { isNonce, nextNonce } from '../features/protocol/dpop-nonces.js';
import { InvalidProof } from '../features/protocol/proof-of-possession.js';
import { stateOf } from '../front.js';
import { assertScopes, scopesOf } from '../management.js';
import { signingProblem } from '../oidc/profile.js';
import type { Services } from '../services.js';

/** @throws Error when an endpoint asks for a scope that does not exist, or breaks its contract. */
export function openApi(services: Services): Middleware {
  const { db, sealer, clock, logger, users } = services;
  const known = tokenBearer(services);
  const everywhere = tenantEndpoints(services);
  const endpoints = [...everywhere, ...installationEndpoints(services)];
  assertScopes(endpoints);
  const options = {
    async authenticate(shown: Shown, ctx: Context) {
      const bearer = await known(shown, ctx);
      if (bearer?.actor.type !== 'user') return bearer;
      const scopes = scopesOf(bearer.scopes, await users.findActive(bearer.actor.id));
      return { ...bearer, actor: { ...bearer.actor, scopes }, scopes };
    },
    db,
    sealer,
    clock,
    logger,
    issuer: (ctx: Context) => stateOf(ctx).issuer,
    ...organizationsOf(services),
    version,
  } satisfies Omit<ApiOptions, 'endpoints'>;
  const ofInstallation = createApi({ ...options, endpoints }).routes();
  const ofTenant = createApi({ ...options, endpoints: everywhere }).routes();
  // What only the operators of the installation may ask for is not there at other tenants.
  return (ctx, next) => (stateOf(ctx).tenant.isDefault ? ofInstallation : ofTenant)(ctx as never, next);
}

/** What X-Organization means, where the installation reads it, and a token that is for one organization. */
export const organizationsOf = ({
  config,
  organizations,
}: Services): Pick<Serving, 'organization' | 'namedInHeader'> => ({
  organization: (name) => organizations.find(name),
  namedInHeader: config.organizationHeader,
});

/** Who an access token for the API of the tenant that is asked speaks for, and what it was given; a person's role has no say in it yet. */
export const tokenBearer =
  (services: Services): Authenticate =>
  async (shown, ctx) => {
    const { protocol, clock } = services;
    const { issuer } = stateOf(ctx);
    const request = { method: ctx.method, uri: `${issuer}${ctx.path}` };
    const active = await findActiveToken(
      protocol,
      clock,
      { ...shown, ...request },
      `${issuer}/api`,
      judging(services, ctx),
    );
    if (!active) return undefined;
    const { accountId, clientId, scopes, organizationId, sessionUid } = active;
    return {
      actor: { type: accountId ? 'user' : 'client', id: accountId ?? clientId, scopes, sessionUid },
      scopes,
      organizationId,
    };
  };

/** What the endpoints of the engine ask of a proof: a nonce (RFC 9449 §9), and what the profile of the client allows (FAPI 2.0 §5.4.1). */
const judging =
  ({ tenants, clients, clock }: Services, ctx: Context): JudgeProof =>
  async ({ alg, claims }, clientId) => {
    const { tenant } = stateOf(ctx);
    const client = await clients.engineMetadata(clientId);
    const problem = signingProblem(client, { alg }, claims);
    if (problem) throw new InvalidProof(problem);
    const { nonce } = claims;
    const needed = tenant.settings.protocol.dpop_nonce_required || settingsOf(client).dpop_nonce_required === true;
    if (nonce === undefined && !needed) return;
    const secret = tenants.secrets(tenant).dpopNonce;
    const next = nextNonce(secret, clock.now());
    if (typeof nonce !== 'string' || !isNonce(secret, nonce, clock.now()))
      throw new InvalidProof('The DPoP proof needs a nonce of this server', next);
    if (nonce !== next) ctx.set('DPoP-Nonce', next);
  };
