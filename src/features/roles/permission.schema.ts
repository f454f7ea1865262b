import { z } from 'zod';
import { Identifier } from '../resources/resource.schema.js';

export const PermissionsView = z
  .object({
    permissions: z.array(z.string()).meta({ description: 'Scopes of the management API' }),
    resource_permissions: z.array(z.object({ resource: z.string(), permissions: z.array(z.string()) })),
  })
  .meta({ id: 'Permissions' });

export const PermissionCheck = z.strictObject({
  user_id: z.uuid(),
  permissions: z.array(z.string().min(1).max(128)).min(1).max(100),
  mode: z.enum(['any', 'all']).default('all'),
  resource: Identifier.optional().meta({ description: 'Absent: the management API' }),
});
export type PermissionCheck = z.output<typeof PermissionCheck>;

export const PermissionVerdict = z
  .object({ granted: z.boolean(), missing: z.array(z.string()) })
  .meta({ id: 'PermissionVerdict' });
