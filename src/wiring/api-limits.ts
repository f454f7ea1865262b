// From where the management API is asked, and how often: what the tenant allows, by its tier, and each key by itself.
import type { Context } from 'koa';
import { apiTiers } from '../../config/protocol.js';
import type { ApiOptions } from '../api/routes.js';
import { apiPolicyOf } from '../features/tenants/api-policy.js';
import { stateOf } from '../front.js';
import { forbidden, tooMany } from '../platform/errors.js';
import { isWithin } from '../platform/network.js';
import { type Allowance, clientKey, type Limiter, waitOf } from '../platform/rate-limit.js';
import type { Services } from '../services.js';

const windowSeconds = 60;

export const apiLimits = (services: Services): Pick<ApiOptions, 'admit' | 'spend'> => ({
  admit: admission(services),
  spend: spending(services),
});

/** R28: 403 before anybody looks at who asks. It is recorded, for each address and each tenant so often that nobody fills the record. */
function admission({ audit, rateLimits, limits }: Services): (ctx: Context) => Promise<void> {
  const ofAddress = rateLimits.limiter({ name: 'api_foreigners', ...limits.apiForeigners });
  const ofTenant = rateLimits.limiter({ name: 'api_foreigners_together', ...limits.apiForeignersTogether });
  return async (ctx) => {
    const { tenant, ip } = stateOf(ctx);
    const { allowed_networks: networks } = apiPolicyOf(tenant);
    if (networks.length === 0 || isWithin(ip, networks)) return;
    const isNew = (await waitOf(ofAddress.consume(`${tenant.id}\0${clientKey(ip)}`))) === 0;
    if (isNew && (await waitOf(ofTenant.consume(tenant.id))) === 0)
      await audit.record('api.refused', { reason: 'network' });
    throw forbidden('network_not_allowed', 'The management API does not answer at this address of yours');
  };
}

/** R26: each counts for itself, the key first: what is beyond its own limit takes nothing away from its tenant. */
function spending({ rateLimits, limits, config, apiKeyRequests: keys }: Services): NonNullable<ApiOptions['spend']> {
  const tenants = rateLimits.limiter({ name: 'api_tenant', ...limits.apiRequests });
  return async (ctx, { limit, scopes }) => {
    const { tenant } = stateOf(ctx);
    const tier = apiTiers[apiPolicyOf(tenant).tier ?? config.apiTier];
    const told: [string, Allowance][] = [];
    if (limit) await spend(ctx, told, 'key', keys, `${tenant.id}\0${limit.key}`, limit.requestsPerMinute);
    // Anybody may have a token to learn who they are: who may do nothing here is refused as somebody unknown is, and takes nothing from those who may.
    if (tier !== Infinity && scopes.size > 0) await spend(ctx, told, 'tenant', tenants, tenant.id, tier);
  };
}

/** draft-ietf-httpapi-ratelimit-headers-10 §3, §4: what is allowed, and what is left of it. */
async function spend(
  ctx: Context,
  told: [string, Allowance][],
  name: string,
  limiter: Limiter,
  key: string,
  limit: number,
): Promise<void> {
  const allowance = await limiter.take(key, limit);
  told.push([name, allowance]);
  ctx.set('RateLimit-Policy', told.map(([name, { limit }]) => `"${name}";q=${limit};w=${windowSeconds}`).join(', '));
  ctx.set(
    'RateLimit',
    told.map(([name, { remaining, seconds }]) => `"${name}";r=${remaining};t=${seconds}`).join(', '),
  );
  if (allowance.exceeded)
    throw tooMany('too_many_requests', `That was the limit of this ${name}: please wait a little`, allowance.seconds);
}
