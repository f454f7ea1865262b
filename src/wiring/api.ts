// The management API, wired: who a bearer token speaks for, and what is answered where.
import { hash, type X509Certificate } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { version } from '../../config/root.js';
import type { Authenticate, Bearer, Shown } from '../api/bearer.js';
import { type ApiOptions, createApi } from '../api/routes.js';
import type { Serving } from '../api/serving.js';
import { installationEndpoints, tenantEndpoints } from '../endpoints.js';
import { looksLikeKey } from '../features/api-keys/api-key.format.js';
import { settingsOf } from '../features/clients/client-settings.js';
import type { ActingTokens } from '../features/protocol/acting-tokens.js';
import { type ActiveToken, findActiveToken, type JudgeProof, stillActive } from '../features/protocol/active-token.js';
import { isNonce, nextNonce } from '../features/protocol/dpop-nonces.js';
import { InvalidProof } from '../features/protocol/proof-of-possession.js';
import { apiPolicyOf } from '../features/tenants/api-policy.js';
import type { Tenant } from '../features/tenants/tenant.entity.js';
import { stateOf } from '../front.js';
import { admitBearer } from '../maintenance-doors.js';
import { assertScopes, scopesOf } from '../management.js';
import { signingProblem } from '../oidc/profile.js';
import type { Services } from '../services.js';
import { apiLimits } from './api-limits.js';

/** @throws Error when an endpoint asks for a scope that does not exist, or breaks its contract. */
export function openApi(services: Services, actingTokens: ActingTokens): Middleware {
  const { db, sealer, clock, logger } = services;
  const known = tokenBearer(services);
  const ofKey = keyBearer(services);
  const everywhere = tenantEndpoints(services, actingTokens);
  const endpoints = [...everywhere, ...installationEndpoints(services)];
  assertScopes(endpoints);
  const options = {
    async authenticate(shown: Shown, ctx: Context) {
      if (looksLikeKey(shown.token)) return ofKey(shown, ctx);
      const bearer = await known(shown, ctx);
      const { certificate_bound_only: boundOnly } = apiPolicyOf(stateOf(ctx).tenant);
      if (boundOnly && !bearer?.actor.certificateBound) return undefined;
      return bearer && asTheyMay(services, bearer);
    },
    ...apiLimits(services),
    db,
    sealer,
    clock,
    logger,
    streams: services.eventStreams,
    issuer: (ctx: Context) => stateOf(ctx).issuer,
    ...organizationsOf(services),
    admitBearer: admitBearer(services.maintenance),
    version,
  } satisfies Omit<ApiOptions, 'endpoints'>;
  const ofInstallation = createApi({ ...options, endpoints }).routes();
  const ofTenant = createApi({ ...options, endpoints: everywhere }).routes();
  // What only the operators of the installation may ask for is not there at other tenants.
  return (ctx, next) => (stateOf(ctx).tenant.isDefault ? ofInstallation : ofTenant)(ctx as never, next);
}

/** However long a connection goes on: as it is now. */
async function asTheyMay(services: Services, bearer: Bearer): Promise<Bearer> {
  const { actor, again } = bearer;
  const now = await (actor.type === 'user' ? asPerson(services, bearer) : asClient(services, bearer));
  return again ? { ...now, again: async () => await again().then((one) => one && asTheyMay(services, one)) } : now;
}

/** What the roles of the person open now, and nothing where they may not come in any more. */
async function asPerson({ users, roles }: Services, bearer: Bearer): Promise<Bearer> {
  const keys = (await users.findActive(bearer.actor.id))?.roles ?? [];
  const scopes = scopesOf(bearer.scopes, await roles.permissionsOf(keys));
  const rolesWithin = await roles.within(scopes, keys);
  return { ...bearer, actor: { ...bearer.actor, scopes, rolesWithin, roles: keys }, scopes, roles: keys };
}

const asClient = async ({ clients }: Services, bearer: Bearer): Promise<Bearer> => ({
  ...bearer,
  roles: settingsOf(await clients.engineMetadata(bearer.actor.id)).roles,
});

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
    const { issuer, aliases, certificate } = stateOf(ctx);
    const request = {
      method: ctx.method,
      uri: `${aliases ?? issuer}${ctx.path}`,
      certificate: certificate && thumbprintOf(certificate.certificate),
    };
    const active = await findActiveToken(
      protocol,
      clock,
      { ...shown, ...request },
      `${issuer}/api`,
      judging(services, ctx),
    );
    if (!active) return undefined;
    const { thumbprint } = active;
    const again = async () => {
      // Of a tenant that was suspended meanwhile no door answers.
      if ((await services.tenants.findById(stateOf(ctx).tenant.id))?.state !== 'active') return undefined;
      const now = await stillActive(protocol, clock, { ...shown, ...request }, `${issuer}/api`, thumbprint);
      return now && bearerOf(now);
    };
    return { ...bearerOf(active), again };
  };

function bearerOf(token: ActiveToken): Bearer {
  const { accountId, clientId, scopes, organizationId, sessionUid, certificateBound, standsOn } = token;
  const by = standsOn && { token: { clientId, ...standsOn } };
  const actor = { id: accountId ?? clientId, scopes, certificateBound, sessionUid, ...by };
  return { actor: { ...actor, type: accountId ? 'user' : 'client' }, scopes, organizationId };
}

/** Whom an API key speaks for: a person, with no more than they have now, or itself. A key is bound to nothing, so there is nothing to prove. */
export const keyBearer =
  (services: Services) =>
  async ({ token, scheme }: Shown, ctx: Context): Promise<Bearer | undefined> => {
    if (scheme !== 'Bearer') return undefined;
    const { tenant } = stateOf(ctx);
    const bearer = await byKey(services, token, tenant);
    if (!bearer) return undefined;
    services.apiKeyUsage.count(bearer.actor.apiKey?.id ?? bearer.actor.id);
    const again = async () => {
      const now = await services.tenants.findById(tenant.id);
      return now?.state === 'active' ? byKey(services, token, now) : undefined;
    };
    return { ...bearer, again };
  };

async function byKey({ presentedKeys, roles }: Services, token: string, tenant: Tenant): Promise<Bearer | undefined> {
  const { test_keys: testKeys, certificate_bound_only: boundOnly } = apiPolicyOf(tenant);
  const key = await presentedKeys.know(token, { testKeys, boundOnly });
  if (!key) return undefined;
  const { id, environment, owner, requestsPerMinute } = key;
  const held = new Set([...key.scopes, ...(await roles.permissionsOf(key.roles))]);
  const scopes: ReadonlySet<string> = owner ? scopesOf(held, await roles.permissionsOf(owner.roles)) : held;
  const apiKey = { id, environment };
  const actor = owner ? { type: 'user' as const, id: owner.id, roles: owner.roles } : { type: 'api_key' as const, id };
  const rolesWithin = await roles.within(scopes, owner?.roles);
  const limit = requestsPerMinute === null ? undefined : { key: id, requestsPerMinute };
  const named = owner ? key.roles.filter((role) => owner.roles.includes(role)) : key.roles;
  return { actor: { ...actor, scopes, rolesWithin, apiKey }, scopes, roles: named, limit };
}

/** RFC 8705 §3.1. */
const thumbprintOf = ({ raw }: X509Certificate): string => hash('sha256', raw, 'base64url');

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
