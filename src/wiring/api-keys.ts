// The eighth rung: API keys, which open the management API as tokens do.
import { ApiKeyUsage } from '../features/api-keys/api-key-usage.js';
import { ApiKeys } from '../features/api-keys/api-keys.js';
import { PresentedKeys } from '../features/api-keys/presented-keys.js';
import { Resource } from '../features/resources/resource.entity.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { mayGrant, scopesAt } from '../management.js';
import type { Ground } from './ground.js';
import type { Roles } from './roles.js';

export type ApiKeyServices = ReturnType<typeof openApiKeys>;

export function openApiKeys(ground: Ground, { roles }: Roles, resources: ResourceService) {
  const { db, audit, clock, tenants, rateLimits, limits, logger } = ground;
  const apiKeys = new ApiKeys(db, audit, clock, {
    scopes: async () => new Set(Object.keys(scopesAt(await tenants.current()))),
    async resource(identifier) {
      const resource = await resources.findByIdentifier(identifier);
      return resource instanceof Resource ? new Set(resource.scopes.map(({ name }) => name)) : undefined;
    },
    mayGrant,
    assigning: (before, after) => roles.assertMayAssign(before, after),
    mayGrantAt: (given) =>
      roles.assertMayGiveAt(given.map(({ identifier, scopes }) => ({ resource: identifier, permissions: scopes }))),
  });
  const refusals = rateLimits.limiter({ name: 'api_key_refusals', ...limits.apiKeyRefusals });
  return {
    apiKeys,
    /** Of each key by itself, wherever it is shown. */
    apiKeyRequests: rateLimits.limiter({ name: 'api_key', ...limits.apiRequests }),
    presentedKeys: new PresentedKeys(db, audit, clock, refusals),
    apiKeyUsage: new ApiKeyUsage(db, clock, (error) => logger.error('uses of API keys were not counted', { error })),
  };
}
