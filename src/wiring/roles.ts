// Of the second rung, below people.ts: roles, and what they open. People and clients stand above: their rows say who has which.
import { Resource } from '../features/resources/resource.entity.js';
import type { ResourceService } from '../features/resources/resource.service.js';
import { RoleService } from '../features/roles/role.service.js';
import { mayGrant, scopesAt } from '../management.js';
import type { Ground } from './ground.js';

export type Roles = ReturnType<typeof openRoles>;

/** @param late who stands above: the resources that roles may open. */
export const openRoles = (
  { db, audit, clock, tenants, caching, protocol }: Ground,
  late: () => { resources: Pick<ResourceService, 'findByIdentifier'> },
) => ({
  roles: new RoleService(db, audit, clock, tenants, caching, {
    scopesOf: (tenant) => Object.keys(scopesAt(tenant)),
    mayGrant,
    // What has no row is the management API, whose scopes a role has by themselves.
    async resource(identifier) {
      const found = await late().resources.findByIdentifier(identifier);
      return found instanceof Resource ? found : undefined;
    },
    changed: (role) => protocol.grants.endImpersonations({ role }, 'permissions_changed'),
  }),
});
