// Owns the roles of a tenant: which there are, what they open, and who may give them to whom.
// Hands off to: users and clients, whose rows say which roles they have; whoever asks what that opens now.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { AppError, conflict, forbidden, invalid, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { ResourceServer } from '../resources/resource.entity.js';
import type { Cache, Caching } from '../tenants/caching.js';
import type { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { type BuiltInRole, builtInRoles } from './built-in-roles.js';
import { Role } from './role.entity.js';
import { type AnyRole, openMoreAt, permissionsAt, permissionsOf } from './role.rules.js';
import type { CreateRole, ResourcePermissions, UpdateRole } from './role.schema.js';

const TOPIC = 'roles';
const MOST_ROLES = 100;

type Book = ReadonlyMap<string, Role>;

export interface RoleHooks {
  /** Every scope of the management API of the tenant. */
  scopesOf(tenant: Tenant): readonly string[];
  /** @throws AppError 403 where whoever asks does not hold one of them. */
  mayGrant(scopes: readonly string[]): void;
  resource(identifier: string): Promise<ResourceServer | undefined>;
  /** In the transaction in which it opens something else than before. */
  changed(key: string): Promise<void>;
}

/** What somebody has by their roles. */
export interface Opened {
  permissions: ReadonlySet<string>;
  /** By the identifier of each resource. */
  atResources: ReadonlyMap<string, readonly string[]>;
}

export class RoleService {
  /** By tenant: asked on every request of a person. */
  private readonly books: Cache<Book>;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly tenants: TenantService,
    private readonly caching: Caching,
    private readonly hooks: RoleHooks,
  ) {
    this.books = caching.cache({ max: 1000, topic: TOPIC, load: (tenantId) => this.load(tenantId) });
  }

  async find(key: string): Promise<Role | BuiltInRole> {
    const role = builtIn(key) ?? (await this.db.repo(Role).findOneBy({ key }));
    if (!role) throw notFound('role');
    return role;
  }

  /** @throws AppError 403 where it would open more than whoever asks may, 409 `role_key_taken`, 422 for permissions that are not there. */
  create({ key, name, description, permissions = [], resource_permissions = [] }: CreateRole): Promise<Role> {
    return this.db.transaction(async () => {
      await this.assertThere(permissions, resource_permissions);
      await this.assertMayGive([{ key, permissions, resourcePermissions: resource_permissions }]);
      await this.db.execute(LOCK, [currentTenantId()]);
      if ((await this.db.repo(Role).countBy({})) >= MOST_ROLES)
        throw conflict('too_many_roles', 'There are as many roles as there may be');
      const now = this.clock.now();
      const members = { key, name, description: description ?? null, permissions, createdAt: now, updatedAt: now };
      const role = Object.assign(new Role(), { ...members, resourcePermissions: resource_permissions });
      if (!(await this.db.repo(Role).insertUnlessTaken(role)))
        throw conflict('role_key_taken', 'There is a role with this key already');
      await this.audit.record('role.created', { role: key });
      await this.changed();
      return role;
    });
  }

  /** Whoever has it may do so from now on. @param ifMatch the version the caller saw. @throws AppError as create */
  update(key: string, patch: UpdateRole, ifMatch?: number): Promise<Role> {
    return this.db.transaction(async () => {
      const role = await this.locked(key, ifMatch);
      const before = JSON.stringify(role);
      await this.assertMayGive([role]);
      if (patch.name) role.name = patch.name;
      if (patch.description !== undefined) role.description = patch.description;
      if (patch.permissions !== undefined) role.permissions = patch.permissions ?? [];
      if (patch.resource_permissions !== undefined) role.resourcePermissions = patch.resource_permissions ?? [];
      await this.assertThere(patch.permissions ?? [], patch.resource_permissions ?? []);
      await this.assertMayGive([role]);
      if (JSON.stringify(role) === before) return role;
      role.version += 1;
      role.updatedAt = this.clock.now();
      await this.db.repo(Role).save(role);
      await this.audit.record('role.updated', { role: key, changed: Object.keys(patch) });
      await this.hooks.changed(key);
      await this.changed();
      return role;
    });
  }

  /** @throws AppError 409 `role_in_use` with the number of those who have it. */
  delete(key: string, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const role = await this.locked(key, ifMatch);
      await this.assertMayGive([role]);
      const [used] = await this.db.execute<{ count: number }>(USED, [currentTenantId(), key]);
      const count = used?.count ?? 0;
      if (count > 0)
        throw new AppError(
          409,
          'role_in_use',
          `${count} people, clients or keys have this role: take it from them first`,
          {
            members: { assignment_count: count },
          },
        );
      await this.db.repo(Role).delete({ key });
      await this.audit.record('role.deleted', { role: key });
      await this.changed();
    });
  }

  /**
   * In the transaction in which somebody's roles change: none of them goes or opens more before it has ended.
   * @throws AppError 422 where one is not there, 403 where they open more, before or after, than whoever asks may.
   */
  async assertMayAssign(before: readonly string[], after: readonly string[]): Promise<void> {
    const book = await this.held([...before, ...after]);
    const issues = after.flatMap((key, index) =>
      before.includes(key) || builtIn(key) || book.has(key)
        ? []
        : [{ pointer: `/roles/${index}`, message: 'is no role of this tenant' }],
    );
    if (issues.length > 0) throw invalid('The roles cannot be given', issues);
    await this.assertMayGive(inBook(book, [...before, ...after]));
  }

  /** Of whatever acts by these roles at resources. @throws AppError 403 where whoever asks is a person and may do less there. */
  async assertHoldsAt(keys: readonly string[]): Promise<void> {
    await this.assertNotAbove(inBook(await this.book(), keys));
  }

  /** As assertHoldsAt, of permissions themselves. */
  assertMayGiveAt(resourcePermissions: ResourcePermissions): Promise<void> {
    return this.assertNotAbove([{ key: '', permissions: [], resourcePermissions }]);
  }

  /** In a transaction: what each of these has by its roles, none of which goes or opens anything else before it has ended. */
  async opened(each: readonly (readonly string[])[], resources: readonly ResourceServer[]): Promise<Opened[]> {
    const [book, all] = [await this.held(each.flat()), await this.everything()];
    return each.map((keys) => {
      const roles = inBook(book, keys);
      const atResources = resources.map((one) => [one.identifier, permissionsAt(roles, one)] as const);
      return { permissions: permissionsOf(roles, all), atResources: new Map(atResources) };
    });
  }

  /** What these roles open in the management API, as they are now. */
  async permissionsOf(keys: readonly string[]): Promise<Set<string>> {
    if (keys.length === 0) return new Set();
    return permissionsOf(inBook(await this.book(), keys), await this.everything());
  }

  /** What these roles open at a resource, and which of them open anything there. */
  async openAt(keys: readonly string[], resource: ResourceServer): Promise<{ roles: string[]; permissions: string[] }> {
    if (keys.length === 0) return { roles: [], permissions: [] };
    const roles = inBook(await this.book(), keys);
    const telling = roles.filter((role) => permissionsAt([role], resource).length > 0);
    return { roles: telling.map(({ key }) => key), permissions: permissionsAt(roles, resource) };
  }

  /** The roles that open no more than this, and at resources no more than these roles; absent: whatever they open there. */
  async within(held: ReadonlySet<string>, keys?: readonly string[]): Promise<Set<string>> {
    const all = await this.everything();
    const book = await this.book();
    const own = keys && inBook(book, keys);
    const lower = [...builtInRoles, ...book.values()].filter(
      (role) => [...permissionsOf([role], all)].every((one) => held.has(one)) && !(own && openMoreAt([role], own)),
    );
    return new Set(lower.map(({ key }) => key));
  }

  /** Every permission of the management API of this tenant. */
  async everything(): Promise<readonly string[]> {
    return this.hooks.scopesOf(await this.tenants.current());
  }

  private async held(keys: readonly string[]): Promise<Book> {
    const rows = this.db.repo(Role).query('r').andWhere('r.key = ANY(:keys)', { keys });
    return new Map((await rows.orderBy('r.key').setLock('pessimistic_read').getMany()).map((one) => [one.key, one]));
  }

  /** @throws AppError 403 where they open more than whoever asks may. */
  private async assertMayGive(roles: readonly AnyRole[]): Promise<void> {
    this.hooks.mayGrant([...permissionsOf(roles, await this.everything())]);
    await this.assertNotAbove(roles);
  }

  private async assertNotAbove(roles: readonly AnyRole[]): Promise<void> {
    const own = currentContext()?.actor?.roles;
    if (own && openMoreAt(roles, inBook(await this.book(), own)))
      throw forbidden('scope_not_held', 'Nobody gives away what they may not do at a resource themselves');
  }

  private async book(): Promise<Book> {
    return (await this.books.get(currentTenantId())) ?? new Map();
  }

  private load(tenantId: string): Promise<Book> {
    return withContext({ tenantId }, async () => {
      const roles = await this.db.repo(Role).find();
      return new Map(roles.map((role) => [role.key, Object.freeze(role)]));
    });
  }

  private changed(): Promise<void> {
    return this.caching.publish(TOPIC, currentTenantId());
  }

  private async assertThere(permissions: readonly string[], atResources: ResourcePermissions): Promise<void> {
    const all = new Set(await this.everything());
    const issues = permissions.flatMap((one, index) =>
      all.has(one) ? [] : [{ pointer: `/permissions/${index}`, message: 'is no scope of the management API' }],
    );
    for (const [index, one] of atResources.entries()) {
      const scopes = (await this.hooks.resource(one.resource))?.scopes ?? [];
      for (const [place, name] of one.permissions.entries())
        if (!scopes.some((scope) => scope.name === name))
          issues.push({
            pointer: `/resource_permissions/${index}/permissions/${place}`,
            message: 'is no scope of this resource',
          });
    }
    if (issues.length > 0) throw invalid('The role cannot be used', issues);
  }

  private async locked(key: string, ifMatch: number | undefined): Promise<Role> {
    if (builtIn(key)) throw forbidden('built_in_role', 'Every tenant has this role: nobody changes it');
    const row = this.db.repo(Role).query('r').andWhere('r.key = :key', { key });
    const role = await row.setLock('pessimistic_write').getOne();
    if (!role) throw notFound('role');
    if (ifMatch !== undefined && ifMatch !== role.version) throw preconditionFailed('The role has changed since');
    return role;
  }
}

const builtIn = (key: string): BuiltInRole | undefined => builtInRoles.find((role) => role.key === key);

const inBook = (book: Book, keys: readonly string[]) =>
  [...new Set(keys)].flatMap((key) => builtIn(key) ?? book.get(key) ?? []);

const LOCK = { name: 'roles_lock', text: 'SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE' };

const USED = {
  name: 'role_used',
  text: 'SELECT count(*)::int AS count FROM role_assignments WHERE tenant_id = $1 AND role = $2',
};
