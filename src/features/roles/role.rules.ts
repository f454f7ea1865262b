// What roles open, decided from the roles alone. Pure.
import type { BuiltInRole } from './built-in-roles.js';
import type { Role } from './role.entity.js';

export type AnyRole = BuiltInRole | Pick<Role, 'key' | 'permissions' | 'resourcePermissions'>;

/** @param all every scope of the management API of the tenant: what is not there opens nothing, whatever a row says. */
export function permissionsOf(roles: readonly AnyRole[], all: readonly string[]): Set<string> {
  if (roles.some(({ permissions }) => permissions === 'every')) return new Set(all);
  const given = new Set(roles.flatMap(({ permissions }) => permissions));
  return new Set(all.filter((one) => given.has(one)));
}

/** @param scopes of the resource, which are its permissions. */
export const permissionsAt = (
  roles: readonly AnyRole[],
  resource: { identifier: string; scopes: readonly { name: string }[] },
): string[] =>
  resource.scopes
    .map(({ name }) => name)
    .filter((name) => roles.some((role) => opens(role, resource.identifier, name)));

function opens(role: AnyRole, resource: string, permission: string): boolean {
  if (role.permissions === 'every') return true;
  if (!('resourcePermissions' in role)) return false;
  return role.resourcePermissions.some((one) => one.resource === resource && one.permissions.includes(permission));
}

/** Whether these open something at a resource, now or later, that those do not. ADMIN opens whatever is there. */
export function openMoreAt(these: readonly AnyRole[], those: readonly AnyRole[]): boolean {
  if (those.some(({ permissions }) => permissions === 'every')) return false;
  if (these.some(({ permissions }) => permissions === 'every')) return true;
  const all = these.flatMap((role) => ('resourcePermissions' in role ? role.resourcePermissions : []));
  return all.some(({ resource, permissions }) =>
    permissions.some((name) => !those.some((role) => opens(role, resource, name))),
  );
}

export type Mode = 'any' | 'all';

/** Asked for nothing, nothing is granted. */
export function check(held: ReadonlySet<string>, wanted: readonly string[], mode: Mode) {
  const missing = wanted.filter((one) => !held.has(one));
  return {
    granted: mode === 'all' ? wanted.length > 0 && missing.length === 0 : missing.length < wanted.length,
    missing,
  };
}
