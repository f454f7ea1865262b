import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { Slug } from '../tenants/tenant.schema.js';
import type { Organization } from './organization.entity.js';
import { givenSettings, OrganizationSettings } from './organization-settings.js';

/** What addresses of pages would be taken for. */
const RESERVED = ['new', 'none'];

const members = z.strictObject({
  slug: Slug.refine((slug) => !RESERVED.includes(slug), 'is reserved'),
  name: plainText(120),
  settings: OrganizationSettings,
});

export const CreateOrganization = z.strictObject({
  ...members.shape,
  settings: members.shape.settings.optional(),
  owner_id: z.uuid().optional().meta({ description: 'Who owns it; whoever makes one by their session does' }),
});
export type CreateOrganization = z.input<typeof CreateOrganization>;

export const ReplaceOrganization = members;
export type ReplaceOrganization = z.output<typeof ReplaceOrganization>;

/** RFC 7396; null takes a setting away. */
export const UpdateOrganization = z.strictObject({
  slug: members.shape.slug.optional(),
  name: members.shape.name.optional(),
  settings: patchOf(OrganizationSettings).optional(),
});
export type UpdateOrganization = z.output<typeof UpdateOrganization>;

export const Suspension = z.strictObject({ reason: plainText(300) });

export const organizationParam = {
  organization: z.string().min(1).max(63).meta({ description: 'Slug or id' }),
};
export const OrganizationParams = z.strictObject(organizationParam);
export const OrganizationQuery = z.strictObject(pageQuery);
export type OrganizationQuery = z.infer<typeof OrganizationQuery>;

export const OrganizationView = z
  .object({
    id: z.uuid(),
    slug: z.string(),
    name: z.string(),
    settings: z.object(OrganizationSettings.shape),
    policy_since: z.iso.datetime().nullable().meta({ description: 'Since when the class of its policy is asked for' }),
    password_since: z.iso.datetime().nullable().meta({ description: 'Since when passwords are to be as long' }),
    personal_of: z.uuid().nullable().meta({ description: 'Whose workspace it is' }),
    suspended_at: z.iso.datetime().nullable(),
    suspension_reason: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Organization' });

/** Other members see how it looks, and nothing of what it asks of whom. */
export function present(organization: Organization, { manages } = { manages: true }) {
  const { policy_since = null, password_since = null } = organization.storedSettings;
  const given = givenSettings(organization.storedSettings);
  const { branding } = given;
  const settings = manages ? given : { ...(branding ? { branding } : {}) };
  return {
    id: organization.id,
    slug: organization.slug,
    name: organization.name,
    settings,
    policy_since: manages ? policy_since : null,
    password_since: manages ? password_since : null,
    personal_of: organization.personalOf,
    suspended_at: organization.suspendedAt?.toISOString() ?? null,
    suspension_reason: organization.suspensionReason,
    created_at: organization.createdAt.toISOString(),
    updated_at: organization.updatedAt.toISOString(),
    version: organization.version,
  };
}
