// What somebody may do by the roles they have now.
import { invalid } from '../../platform/errors.js';
import { Resource, type ResourceServer } from '../resources/resource.entity.js';
import type { User } from '../users/user.entity.js';
import type { PermissionCheck } from './permission.schema.js';
import { check } from './role.rules.js';
import type { RoleService } from './role.service.js';

interface Resources {
  findByIdentifier(identifier: string): Promise<ResourceServer | undefined>;
  all(): Promise<readonly ResourceServer[]>;
}

/** Whoever may not come in has none of their roles meanwhile. */
const rolesOf = (user: User) => (user.active ? user.roles : []);

export class Permissions {
  constructor(
    private readonly roles: RoleService,
    private readonly resources: Resources,
  ) {}

  async of(user: User) {
    const keys = rolesOf(user);
    const resource_permissions = [];
    for (const resource of await this.resources.all()) {
      const { permissions } = await this.roles.openAt(keys, resource);
      if (permissions.length > 0) resource_permissions.push({ resource: resource.identifier, permissions });
    }
    return { permissions: [...(await this.roles.permissionsOf(keys))], resource_permissions };
  }

  /** @throws AppError 422 for a resource that is not there. */
  async check(user: User, { permissions, mode, resource }: PermissionCheck) {
    return check(await this.held(rolesOf(user), resource), permissions, mode);
  }

  private async held(keys: readonly string[], identifier: string | undefined): Promise<ReadonlySet<string>> {
    if (identifier === undefined) return this.roles.permissionsOf(keys);
    const resource = await this.resources.findByIdentifier(identifier);
    if (!resource)
      throw invalid('The permissions cannot be checked', [{ pointer: '/resource', message: 'is no resource' }]);
    // Without a row it is the management API, under its own name.
    if (!(resource instanceof Resource)) return this.roles.permissionsOf(keys);
    return new Set((await this.roles.openAt(keys, resource)).permissions);
  }
}
