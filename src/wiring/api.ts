// The management API, wired: who a bearer token speaks for, and what is answered where.
import type { Context, Middleware } from 'koa';
import { version } from '../../config/root.js';
import { type ApiOptions, createApi } from '../api/routes.js';
import { endpointsOf, tenantEndpoints } from '../endpoints.js';
import { findActiveToken } from '../features/protocol/active-token.js';
import { stateOf } from '../front.js';
import { assertScopes, scopesOf } from '../management.js';
import type { Services } from '../services.js';

/** @throws Error when an endpoint asks for a scope that does not exist, or breaks its contract. */
export function openApi(services: Services): Middleware {
  const { db, sealer, clock, logger, protocol, users } = services;
  assertScopes(endpointsOf(services));
  const options = {
    async authenticate(token: string, ctx: Context) {
      const active = await findActiveToken(protocol, clock, token, `${stateOf(ctx).issuer}/api`);
      if (!active) return undefined;
      const { accountId, clientId } = active;
      const scopes = accountId ? scopesOf(active.scopes, await users.findActive(accountId)) : active.scopes;
      return { actor: { type: accountId ? 'user' : 'client', id: accountId ?? clientId, scopes }, scopes };
    },
    db,
    sealer,
    clock,
    logger,
    issuer: (ctx: Context) => stateOf(ctx).issuer,
    version,
  } satisfies Omit<ApiOptions, 'endpoints'>;
  const ofInstallation = createApi({ ...options, endpoints: endpointsOf(services) }).routes();
  const ofTenant = createApi({ ...options, endpoints: tenantEndpoints(services) }).routes();
  // What only the operators of the installation may ask for is not there at other tenants.
  return (ctx, next) => (stateOf(ctx).tenant.isDefault ? ofInstallation : ofTenant)(ctx as never, next);
}
