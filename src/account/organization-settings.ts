// What an organization is called, whom it may invite, and its end. Hands off to: OrganizationService.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
import type { Organization } from '../features/organizations/organization.entity.js';
import { UpdateOrganization } from '../features/organizations/organization.schema.js';
import type { OrganizationService } from '../features/organizations/organization.service.js';
import { seeOther, textField } from '../platform/form.js';
import { type Inside, type OrganizationDoor, pathOf, type Refused, refusalOf } from './organization-door.js';
import { linesOf, numberOf, wrongOf } from './organization-fields.js';
import { namedTwice } from './organizations.js';

export interface OrganizationSettingsDependencies {
  organizations: Pick<OrganizationService, 'update' | 'delete'>;
}

const Form = z.object({
  name: textField,
  slug: textField,
  logo_uri: textField,
  allowed_domains: textField,
  denied_domains: textField,
  expires_days: textField,
  suspend_inactive_days: textField,
  notice_days: textField,
  version: textField,
});
type Form = z.infer<typeof Form>;

const settings = '/organizations/:organization/settings';
const end = '/organizations/:organization/delete';

export function organizationSettingsRoutes(
  router: Router,
  door: OrganizationDoor,
  { organizations }: OrganizationSettingsDependencies,
): void {
  router.get(settings, async (ctx) => {
    const inside = await door.enter(ctx, 'admin');
    if (inside) await show(ctx, inside, formOf(inside.organization));
  });

  router.post(settings, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', '/settings');
    if (!inside) return;
    const { organization } = inside;
    const form = Form.parse(ctx.request.body ?? {});
    const given = UpdateOrganization.safeParse(changeOf(form, organization));
    if (!given.success)
      return show(ctx, inside, form, { code: 'organization', status: 422 }, wrongOf(given.error.issues));
    const error = await refusalOf(() => organizations.update(organization, given.data, Number(form.version) || 0));
    if (error) return show(ctx, inside, form, namedTwice(error), error.code === 'conflict' ? ['slug'] : []);
    door.done(ctx, { at: pathOf({ slug: given.data.slug ?? organization.slug }) }, '/settings', 'organization_saved');
  });

  router.get(end, async (ctx) => {
    const inside = await door.enter(ctx, 'owner');
    if (inside) await askEnd(ctx, inside);
  });

  router.post(end, async (ctx) => {
    const inside = await door.mayChange(ctx, 'owner', '/delete', FRESH_SECONDS);
    if (!inside) return;
    const error = await refusalOf(() => organizations.delete(inside.organization));
    if (error) return askEnd(ctx, inside, error);
    seeOther(ctx, `${ctx.state.prefix}/account/organizations?done=organization_deleted`);
  });

  const show = (ctx: Context, inside: Inside, values: Form, error?: Refused, wrong: string[] = []) =>
    door.show(ctx, inside, 'settings', { values, wrong }, error ? { error } : {});

  const askEnd = (ctx: Context, inside: Inside, error?: Refused) =>
    door.show(ctx, inside, 'settings', {}, { view: 'delete', ...(error ? { error } : {}) });
}

const changeOf = (form: Form, { storedSettings }: Organization) => {
  const { logo_uri, ...branding } = storedSettings.branding ?? {};
  const logo = form.logo_uri.trim();
  return {
    name: form.name,
    slug: form.slug.trim(),
    settings: {
      branding: { ...branding, ...(logo ? { logo_uri: logo } : {}) },
      invitations: {
        allowed_domains: domainsOf(form.allowed_domains),
        denied_domains: domainsOf(form.denied_domains),
        expires_days: numberOf(form.expires_days) ?? undefined,
      },
      members: {
        suspend_inactive_days: numberOf(form.suspend_inactive_days),
        notice_days: numberOf(form.notice_days) ?? undefined,
      },
    },
  };
};

const domainsOf = (text: string): string[] => [...new Set(linesOf(text.toLowerCase()))];

const formOf = ({ name, slug, settings: { branding, invitations, members }, version }: Organization): Form => ({
  name,
  slug,
  logo_uri: branding.logo_uri ?? '',
  allowed_domains: invitations.allowed_domains.join('\n'),
  denied_domains: invitations.denied_domains.join('\n'),
  expires_days: String(invitations.expires_days),
  suspend_inactive_days: members.suspend_inactive_days === null ? '' : String(members.suspend_inactive_days),
  notice_days: String(members.notice_days),
  version: String(version),
});
