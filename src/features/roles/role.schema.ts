import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { Identifier } from '../resources/resource.schema.js';
import { type BuiltInRole, isBuiltIn } from './built-in-roles.js';
import { Role } from './role.entity.js';

const differ = (given: readonly string[]) => new Set(given).size === given.length;
const unique = { message: 'names must differ' };

const scopeToken = z
  .string()
  .max(128)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope token (RFC 6749 §3.3)');

const Permissions = z.array(scopeToken).max(200).refine(differ, unique);

const ResourcePermissions = z
  .array(z.strictObject({ resource: Identifier, permissions: Permissions.min(1) }))
  .max(50)
  .refine((all) => differ(all.map(({ resource }) => resource)), { message: 'resources must differ' });
export type ResourcePermissions = z.infer<typeof ResourcePermissions>;

const key = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_:.-]{0,63}$/, 'must be a word such as EDITOR')
  .refine((one) => !isBuiltIn(one), 'is a role that every tenant has')
  .meta({ description: 'What people, clients and tokens call it; it stays' });

const members = z.strictObject({
  name: plainText(120),
  description: plainText(300),
  permissions: Permissions.meta({ description: 'Scopes of the management API' }),
  resource_permissions: ResourcePermissions.meta({ description: 'Scopes of resources, by their identifiers' }),
});

export const CreateRole = z.strictObject({ key, ...members.partial().shape, name: members.shape.name });
export type CreateRole = z.infer<typeof CreateRole>;

export const UpdateRole = patchOf(members);
export type UpdateRole = z.infer<typeof UpdateRole>;

/** Any name: what cannot be one of a role is not there. */
export const roleParam = { role: z.string().regex(/^[A-Za-z0-9_:.-]{1,64}$/) };
export const RoleParams = z.strictObject(roleParam);
export const RoleQuery = z.strictObject(pageQuery);
export type RoleQuery = z.infer<typeof RoleQuery>;

export const RoleView = z
  .object({
    key: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    built_in: z.boolean().meta({ description: 'Every tenant has it; it can be neither changed nor deleted' }),
    permissions: z.array(z.string()),
    resource_permissions: z.array(z.object({ resource: z.string(), permissions: z.array(z.string()) })),
    created_at: z.iso.datetime().nullable(),
    updated_at: z.iso.datetime().nullable(),
    version: z.int(),
  })
  .meta({ id: 'Role' });

export const presentRole = (role: Role | BuiltInRole, all: readonly string[]) => {
  const { key, name, description, permissions } = role;
  const row = role instanceof Role ? role : undefined;
  return {
    key,
    name,
    description,
    built_in: row === undefined,
    permissions: [...(permissions === 'every' ? all : permissions)],
    resource_permissions: row?.resourcePermissions ?? [],
    created_at: row?.createdAt.toISOString() ?? null,
    updated_at: row?.updatedAt.toISOString() ?? null,
    version: row?.version ?? 1,
  };
};
