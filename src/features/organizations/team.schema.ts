import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { Slug } from '../tenants/tenant.schema.js';
import { organizationParam } from './organization.schema.js';
import type { Team } from './team.entity.js';

const members = z.strictObject({
  slug: Slug.meta({ description: 'What tokens say' }),
  name: plainText(120),
  description: plainText(300),
});

export const CreateTeam = z.strictObject({
  ...members.shape,
  description: members.shape.description.optional(),
});
export type CreateTeam = z.infer<typeof CreateTeam>;

export const UpdateTeam = patchOf(members);
export type UpdateTeam = z.infer<typeof UpdateTeam>;

export const TeamParams = z.strictObject({ ...organizationParam, team_id: z.uuid() });
export const TeamMemberParams = TeamParams.extend({ user_id: z.uuid() });
export const TeamQuery = z.strictObject(pageQuery);
export type TeamQuery = z.infer<typeof TeamQuery>;

export const TeamView = z
  .object({
    id: z.uuid(),
    slug: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Team' });

export const presentTeam = ({ id, slug, name, description, createdAt, updatedAt, version }: Team) => ({
  id,
  slug,
  name,
  description,
  created_at: createdAt.toISOString(),
  updated_at: updatedAt.toISOString(),
  version,
});
