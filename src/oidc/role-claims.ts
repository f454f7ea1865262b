// What access tokens for a resource say of the roles of the person or client, where the resource wants that (RFC 9068 §2.2.3.1). Read each time one is made.
import { settingsOf } from '../features/clients/client-settings.js';
import type { ResourceServer } from '../features/resources/resource.entity.js';
import type { RoleService } from '../features/roles/role.service.js';
import type { UserService } from '../features/users/user.service.js';
import type { EngineContext } from './engine-types.js';
import { isOfKey } from './grants/presented-keys.js';

interface RoleSources {
  resources: { findByIdentifier(identifier: string): Promise<ResourceServer | undefined> };
  roles: Pick<RoleService, 'openAt'>;
  users: Pick<UserService, 'findActive'>;
}

interface Token {
  accountId?: string;
  scopes?: ReadonlySet<string>;
  resourceServer?: { audience?: unknown };
}

/**
 * Of the permissions none that the client was not given: whoever reads them alone lets it do no more than its scopes say. Of an API key of
 * the tenant none are said: its roles are for the management API, and those of the client that exchanges it are not the key's.
 */
export async function rolesSaid(
  ctx: EngineContext | undefined,
  { resources, roles, users }: RoleSources,
  token: Token,
): Promise<{ roles: string[]; permissions: string[] } | undefined> {
  const { accountId, scopes, resourceServer } = token;
  const audience = resourceServer?.audience;
  const resource = typeof audience === 'string' ? await resources.findByIdentifier(audience) : undefined;
  if (!resource?.roleClaims) return undefined;
  const own = () => (isOfKey(token) ? undefined : settingsOf(ctx?.oidc.client).roles);
  const held = accountId === undefined ? own() : (await users.findActive(accountId))?.roles;
  const open = await roles.openAt(held ?? [], resource);
  return { roles: open.roles, permissions: open.permissions.filter((name) => scopes?.has(name)) };
}
