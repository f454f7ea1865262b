// What somebody would become whom an identity provider describes like this: nobody is made, nothing is kept.
import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { StandardClaims } from '../users/user.schema.js';
import type { Connection } from './connection.entity.js';
import { domainsOf } from './connection-rows.js';
import { mapped } from './mapping.js';
import { isInRequired, wantedBy } from './provisioning-rules.js';
import { UpstreamIdentity } from './upstream-identity.js';

export const MappingPreview = z.strictObject({
  attributes: UpstreamIdentity.shape.attributes.meta({ description: 'As the provider names them, each a list' }),
});
export type MappingPreview = z.output<typeof MappingPreview>;

export const MappingPreviewView = z
  .object({
    email: z.string().nullable(),
    email_verified: z.boolean().meta({ description: 'Whether the address would count as proved' }),
    claims: StandardClaims,
    groups: z.array(z.string()),
    dropped: z
      .array(z.object({ claim: z.string(), attribute: z.string() }))
      .meta({ description: 'What cannot be taken over as it is written' }),
    admitted: z.boolean().meta({ description: 'Whether they are in a group that is required' }),
    membership: z
      .object({ role: z.enum(['member', 'admin']), roles: z.array(z.string()), teams: z.array(z.string()) })
      .nullable(),
  })
  .meta({ id: 'MappingPreview' });

export async function preview(db: Database, connection: Connection, { attributes }: MappingPreview) {
  const { settings, organizationId } = connection;
  const person = mapped(settings, { attributes }, await domainsOf(db, connection));
  const { role, roles, teams } = wantedBy(settings.provisioning, person.groups);
  return {
    email: person.email ?? null,
    email_verified: person.emailVerified,
    claims: person.claims,
    groups: person.groups,
    dropped: person.dropped,
    admitted: isInRequired(settings.provisioning.required_groups, person.groups),
    membership: organizationId === null || role === null ? null : { role, roles, teams },
  };
}
