// The roles that an organization has beside owner, administrator and member. Hands off to: OrganizationRoles, which lets nobody make one above
// themselves, or delete one that somebody has.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { OrganizationRole } from '../features/organizations/organization-role.entity.js';
import { listRoles } from '../features/organizations/organization-role.queries.js';
import { CreateRole, UpdateRole } from '../features/organizations/organization-role.schema.js';
import type { OrganizationRoles } from '../features/organizations/organization-roles.js';
import type { Database } from '../platform/database.js';
import { notFound } from '../platform/errors.js';
import { textField } from '../platform/form.js';
import { type Inside, type OrganizationDoor, type Refused, refusalOf } from './organization-door.js';
import { linesOf, numberOf, wrongOf } from './organization-fields.js';

export interface OrganizationRolesDependencies {
  db: Database;
  organizationRoles: OrganizationRoles;
}

const Form = z.object({
  key: textField,
  name: textField,
  description: textField,
  rank: textField,
  permissions: textField,
});
type Form = z.infer<typeof Form>;

const list = '/organizations/:organization/roles';
const one = `${list}/:role_id`;

export function organizationRolesRoutes(
  router: Router,
  door: OrganizationDoor,
  { db, organizationRoles }: OrganizationRolesDependencies,
): void {
  router.get(list, async (ctx) => {
    const inside = await door.enter(ctx, 'admin');
    if (inside) await showAll(ctx, inside, { ...Form.parse({}), rank: '10' });
  });

  router.post(list, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', '/roles');
    if (!inside) return;
    const form = Form.parse(ctx.request.body ?? {});
    const given = CreateRole.safeParse({ ...asked(form), key: form.key.trim() });
    if (!given.success)
      return showAll(ctx, inside, form, { code: 'organization', status: 422 }, wrongOf(given.error.issues));
    const error = await refusalOf(() => organizationRoles.create(inside.organization, given.data));
    if (error) return showAll(ctx, inside, form, error, error.code === 'role_key_taken' ? ['key'] : []);
    door.done(ctx, inside, '/roles', 'role_created');
  });

  router.get(one, async (ctx) => {
    const inside = await door.enter(ctx, 'admin');
    if (!inside) return;
    const role = await named(ctx, inside);
    await showOne(ctx, inside, role, formOf(role));
  });

  router.post(one, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', pageOf(ctx));
    if (!inside) return;
    const role = await named(ctx, inside);
    const form = Form.parse(ctx.request.body ?? {});
    const given = UpdateRole.safeParse({ ...asked(form), description: form.description.trim() || null });
    if (!given.success)
      return showOne(ctx, inside, role, form, { code: 'organization', status: 422 }, wrongOf(given.error.issues));
    const error = await refusalOf(() => organizationRoles.update(inside.organization, role.id, given.data));
    if (error) return showOne(ctx, inside, role, form, error);
    door.done(ctx, inside, `/roles/${role.id}`, 'role_saved');
  });

  router.post(`${one}/delete`, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', pageOf(ctx));
    if (!inside) return;
    const role = await named(ctx, inside);
    const error = await refusalOf(() => organizationRoles.delete(inside.organization, role.id));
    if (error) return showOne(ctx, inside, role, formOf(role), error);
    door.done(ctx, inside, '/roles', 'role_deleted');
  });

  async function named(ctx: Context, { organization }: Inside): Promise<OrganizationRole> {
    const id = z.uuid().safeParse(ctx.params.role_id);
    if (!id.success) throw notFound('role');
    return organizationRoles.find(organization, id.data);
  }

  async function showAll(ctx: Context, inside: Inside, values: Form, error?: Refused, wrong: string[] = []) {
    const { items } = await db.reading(() => listRoles(db, inside.organization.id, { limit: 100 }));
    const data = { values, wrong, roles: items.map(present(inside)) };
    await door.show(ctx, inside, 'roles', data, error ? { error } : {});
  }

  const showOne = (
    ctx: Context,
    inside: Inside,
    role: OrganizationRole,
    values: Form,
    error?: Refused,
    wrong: string[] = [],
  ) => {
    const data = { values, wrong, role: present(inside)(role) };
    return door.show(ctx, inside, 'roles', data, { view: 'role', ...(error ? { error } : {}) });
  };
}

const pageOf = (ctx: Context) => `/roles/${encodeURIComponent(String(ctx.params.role_id))}`;

const asked = ({ name, rank, permissions }: Form) => ({
  name,
  rank: numberOf(rank),
  permissions: [...new Set(linesOf(permissions))],
});

const formOf = ({ key, name, description, rank, permissions }: OrganizationRole): Form => ({
  key,
  name,
  description: description ?? '',
  rank: String(rank),
  permissions: permissions.join('\n'),
});

/** Those of the tenant are changed by the tenant, those above oneself by others. */
const present =
  ({ standing }: Inside) =>
  ({ id, key, name, description, rank, permissions, organizationId }: OrganizationRole) => ({
    id,
    key,
    name,
    description,
    rank,
    permissions,
    ofTenant: organizationId === null,
    managed: organizationId !== null && rank <= standing.rank,
  });
