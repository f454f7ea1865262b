import type { Database } from '../../platform/database.js';
import { Role } from '../roles/role.entity.js';
import type { RoleService } from '../roles/role.service.js';
import { differing, type Step } from './change.js';
import type { DeclaredRole } from './declaration.schema.js';

/** As a file says it: members that are empty stay away. */
export function membersOfRole({ key, name, description, permissions, resourcePermissions }: Role): DeclaredRole {
  return {
    key,
    name,
    ...(description === null ? {} : { description }),
    ...(permissions.length > 0 ? { permissions } : {}),
    ...(resourcePermissions.length > 0 ? { resource_permissions: resourcePermissions } : {}),
  };
}

export async function roleStep(
  { db, roles }: { db: Database; roles: RoleService },
  declared: DeclaredRole,
): Promise<Step | undefined> {
  const role = await db.repo(Role).findOneBy({ key: declared.key });
  if (!role) {
    const write = async () => {
      await roles.create(declared);
      return undefined;
    };
    return { action: 'create', changed: [], write };
  }
  const whole = { description: null, permissions: [], resource_permissions: [] };
  const { key, ...after } = { ...whole, ...declared };
  const changed = differing({ ...whole, ...membersOfRole(role) }, { key, ...after });
  if (changed.length === 0) return undefined;
  const write = async () => {
    await roles.update(key, Object.fromEntries(Object.entries(after).filter(([name]) => changed.includes(name))));
    return undefined;
  };
  return { action: 'update', changed, write };
}
