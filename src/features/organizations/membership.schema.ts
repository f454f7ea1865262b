import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { ROLES } from './hierarchy.js';
import { organizationParam } from './organization.schema.js';

const differ = (given: readonly string[]) => new Set(given).size === given.length;

/** A word of the application's own, as `invoices:write`. */
const Permission = z.string().regex(/^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$/, 'must be a word such as invoices:write');

export const Permissions = z.array(Permission).max(100).refine(differ, { message: 'names must differ' });

const ids = z.array(z.uuid()).max(50).refine(differ, { message: 'ids must differ' });

const role = z.enum(ROLES);
const roles = ids.meta({ description: 'Ids of custom roles' });
const permissions = Permissions.meta({ description: 'Beside those of the roles' });

export const AddMember = z.strictObject({
  user_id: z.uuid(),
  role: role.optional(),
  roles: roles.optional(),
  permissions: permissions.optional(),
  teams: ids.optional().meta({ description: 'Ids of teams' }),
});
export type NewMember = z.infer<typeof AddMember>;

export const ChangeMember = z
  .strictObject({ role: role.optional(), roles: roles.optional(), permissions: permissions.optional() })
  .meta({ description: 'Each is replaced whole; what is absent stays' });
export type ChangeMember = z.infer<typeof ChangeMember>;

export const MemberParams = z.strictObject({ ...organizationParam, user_id: z.uuid() });
export const MemberQuery = z.strictObject({
  ...pageQuery,
  q: plainText(200).optional().meta({ description: 'A part of the name or of the address' }),
});
export type MemberQuery = z.infer<typeof MemberQuery>;

export const MemberView = z
  .object({
    user_id: z.uuid(),
    email: z.string(),
    name: z.string().nullable(),
    role,
    roles: z.array(z.object({ id: z.uuid(), key: z.string() })),
    permissions: z.array(z.string()).meta({ description: 'Given directly' }),
    teams: z.array(z.object({ id: z.uuid(), slug: z.string() })),
    joined_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable().meta({
      description: 'To the day, when they were last given a token for the organization; told to those who manage it',
    }),
    suspended_at: z.iso.datetime().nullable(),
    suspension_reason: z.string().nullable(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Member' });
