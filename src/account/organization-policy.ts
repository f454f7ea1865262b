// What proof an organization asks of its members, in the words of a form. Hands off to: OrganizationService, which asks an owner where it gets less.
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { acrValues } from '../../config/protocol.js';
import { FRESH_SECONDS } from '../features/authentication/freshness.js';
import { UpdateOrganization } from '../features/organizations/organization.schema.js';
import type { OrganizationService } from '../features/organizations/organization.service.js';
import type { FullSettings } from '../features/organizations/organization-settings.js';
import { FIRST_FACTORS } from '../features/tenants/authentication-policy.js';
import { textField } from '../platform/form.js';
import { type Inside, type OrganizationDoor, type Refused, refusalOf } from './organization-door.js';
import { choiceOf, linesOf, numberOf, ticked, wrongOf } from './organization-fields.js';

export interface OrganizationPolicyDependencies {
  organizations: Pick<OrganizationService, 'update'>;
}

const Form = z.object({
  acr: textField,
  grace_days: textField,
  trusted_networks: textField,
  ways_in: ticked,
  session_seconds: textField,
  ip_allow_list: textField,
  min_length: textField,
  version: textField,
});
type Form = z.infer<typeof Form>;

const hour = 3600;
const LENGTHS = [hour / 4, hour, 8 * hour, 24 * hour, 7 * 24 * hour, 30 * 24 * hour];

const path = '/organizations/:organization/policy';

export function organizationPolicyRoutes(
  router: Router,
  door: OrganizationDoor,
  { organizations }: OrganizationPolicyDependencies,
): void {
  router.get(path, async (ctx) => {
    const inside = await door.enterProved(ctx, 'admin');
    if (inside) await show(ctx, inside, formOf(inside.organization.settings.policy, inside.organization.version));
  });

  router.post(path, async (ctx) => {
    const inside = await door.mayChange(ctx, 'admin', '/policy', FRESH_SECONDS);
    if (!inside) return;
    const form = Form.parse(ctx.request.body ?? {});
    const given = UpdateOrganization.safeParse({ settings: { policy: policyOf(form) } });
    if (!given.success)
      return show(ctx, inside, form, { code: 'organization', status: 422 }, wrongOf(given.error.issues));
    const error = await refusalOf(() =>
      organizations.update(inside.organization, given.data, Number(form.version) || 0),
    );
    if (error) return show(ctx, inside, form, error);
    door.done(ctx, inside, '/policy', 'policy_saved');
  });

  function show(ctx: Context, inside: Inside, values: Form, error?: Refused, wrong: string[] = []): Promise<void> {
    const seconds = Number(values.session_seconds);
    const data = {
      values,
      wrong,
      classes: acrValues.slice(1).map((value) => ({ value, name: value.split(':').at(-1) })),
      ways: [...new Set([...FIRST_FACTORS, ...values.ways_in])],
      lengths: seconds && !LENGTHS.includes(seconds) ? [...LENGTHS, seconds].sort((a, b) => a - b) : LENGTHS,
    };
    return door.show(ctx, inside, 'policy', data, error ? { error } : {});
  }
}

const policyOf = (form: Form) => ({
  acr: choiceOf(form.acr),
  grace_days: numberOf(form.grace_days) ?? 0,
  trusted_networks: linesOf(form.trusted_networks),
  // To tick none is to let every way count.
  ways_in: form.ways_in.length > 0 ? form.ways_in : null,
  session_seconds: numberOf(form.session_seconds),
  ip_allow_list: linesOf(form.ip_allow_list),
  password: { min_length: numberOf(form.min_length) },
});

const formOf = (policy: FullSettings['policy'], version: number): Form => ({
  acr: policy.acr ?? '',
  grace_days: String(policy.grace_days),
  trusted_networks: policy.trusted_networks.join('\n'),
  ways_in: [...(policy.ways_in ?? [])],
  session_seconds: policy.session_seconds === null ? '' : String(policy.session_seconds),
  ip_allow_list: policy.ip_allow_list.join('\n'),
  min_length: policy.password.min_length === null ? '' : String(policy.password.min_length),
  version: String(version),
});
