// The organizations one belongs to, and making another where the tenant lets people. Hands off to: OrganizationService; organization-overview.ts,
// where each has its pages.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { membershipsOf } from '../features/organizations/membership.queries.js';
import { CreateOrganization } from '../features/organizations/organization.schema.js';
import type { OrganizationService } from '../features/organizations/organization.service.js';
import type { TenantService } from '../features/tenants/tenant.service.js';
import type { Database } from '../platform/database.js';
import { forbidden } from '../platform/errors.js';
import { seeOther, textField } from '../platform/form.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';
import { pathOf, type Refused, refusalOf } from './organization-door.js';
import { slugOf } from './organization-fields.js';

export interface OrganizationsDependencies {
  db: Database;
  tenants: Pick<TenantService, 'current'>;
  organizations: Pick<OrganizationService, 'create' | 'find'>;
}

const page = '/account/organizations';
const Form = z.object({ name: textField, slug: textField });
type Form = z.infer<typeof Form>;

export function organizationsRoutes(router: Router, door: AccountDoor, deps: OrganizationsDependencies): void {
  const { db, tenants, organizations } = deps;
  const isOpen = async () => (await tenants.current()).settings.organizations.creation === 'open';

  router.get('/organizations', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const mine = await membershipsOf(db, visitor.user.id);
    await door.show(ctx, visitor, 'organizations', {
      mayCreate: await isOpen(),
      organizations: mine
        .map(({ organization: { slug, name, settings }, role, joined_at }) => ({
          slug,
          name,
          role,
          logo_uri: settings.branding.logo_uri,
          since: joined_at.toISOString(),
        }))
        .sort((a, b) => a.name.localeCompare(b.name)),
    });
  });

  router.get('/organizations/new', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    if (!(await isOpen())) throw forbidden('creation_closed', 'Nobody makes an organization themselves here');
    await ask(ctx, visitor, { name: '', slug: '' });
  });

  router.post('/organizations/new', async (ctx) => {
    const visitor = await door.mayChange(ctx, { fresh: ANY_TIME });
    if (!visitor) return;
    const form = Form.parse(ctx.request.body ?? {});
    const given = CreateOrganization.safeParse({ name: form.name, slug: form.slug.trim() || slugOf(form.name) });
    if (!given.success) {
      const wrong = given.error.issues.map(({ path }) => String(path[0]));
      return ask(ctx, visitor, form, { code: 'organization', status: 422 }, wrong);
    }
    const error = await refusalOf(() => organizations.create(given.data));
    if (error) return ask(ctx, visitor, form, namedTwice(error), error.code === 'conflict' ? ['slug'] : []);
    seeOther(ctx, `${ctx.state.prefix}${pathOf({ slug: given.data.slug })}?done=organization_created`);
  });

  const ask = (ctx: Context, visitor: Visitor, values: Form, error?: Refused, wrong: string[] = []) =>
    door.show(
      ctx,
      visitor,
      'organizations/new',
      { values, wrong, error, actions: { submit: `${ctx.state.prefix}${page}/new` } },
      { status: error?.status ?? 200 },
    );
}

/** All that two organizations of a tenant cannot share is the name in their addresses. */
export const namedTwice = (error: Refused): Refused =>
  error.code === 'conflict' ? { ...error, code: 'slug_taken', status: 422 } : error;
