import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { ROLES } from './hierarchy.js';
import { Permissions } from './membership.schema.js';
import { organizationParam } from './organization.schema.js';
import type { OrganizationRole } from './organization-role.entity.js';

const key = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'must be a word in lower case')
  .refine((one) => !ROLES.some((role) => role === one), 'is a role that every organization has')
  .meta({ description: 'What tokens say; it stays' });

const members = z.strictObject({
  name: plainText(120),
  description: plainText(300),
  rank: z.int().min(1).max(99).meta({
    description: 'An owner has 100, an admin 50, a member 0. Nobody gives or touches what is above their own',
  }),
  permissions: Permissions,
});

export const CreateRole = z.strictObject({
  key,
  ...members.shape,
  description: members.shape.description.optional(),
  permissions: members.shape.permissions.optional(),
});
export type CreateRole = z.infer<typeof CreateRole>;

export const UpdateRole = patchOf(members);
export type UpdateRole = z.infer<typeof UpdateRole>;

export const RoleParams = z.strictObject({ ...organizationParam, role_id: z.uuid() });
export const TenantRoleParams = z.strictObject({ role_id: z.uuid() });
export const RoleQuery = z.strictObject(pageQuery);
export type RoleQuery = z.infer<typeof RoleQuery>;

export const RoleView = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid().nullable().meta({ description: 'null: of every organization of the tenant' }),
    key: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    rank: z.int(),
    permissions: z.array(z.string()),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'OrganizationRole' });

export const presentRole = (role: OrganizationRole) => ({
  id: role.id,
  organization_id: role.organizationId,
  key: role.key,
  name: role.name,
  description: role.description,
  rank: role.rank,
  permissions: role.permissions,
  created_at: role.createdAt.toISOString(),
  updated_at: role.updatedAt.toISOString(),
  version: role.version,
});
