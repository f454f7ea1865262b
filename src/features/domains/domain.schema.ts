import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { pageQuery } from '../../platform/pagination.js';
import { organizationParam } from '../organizations/organization.schema.js';
import type { OrganizationDomain } from './domain.entity.js';
import { challengeName, challengeValue, DomainName } from './domain-name.js';

const autoJoin = z
  .enum(['member'])
  .nullable()
  .meta({ description: 'As what whoever proves an address of this domain joins; null: nobody does by themselves' });
const teams = z.array(z.uuid()).max(50).meta({ description: 'Ids of the teams that they join with it' });

export const CreateDomain = z.strictObject({
  domain: DomainName.meta({ description: 'As example.com', example: 'example.com' }),
  auto_join: autoJoin.optional(),
  teams: teams.optional(),
});
export type CreateDomain = z.infer<typeof CreateDomain>;

export const UpdateDomain = patchOf(z.strictObject({ auto_join: autoJoin, teams }));
export type UpdateDomain = z.infer<typeof UpdateDomain>;

export const DomainParams = z.strictObject({ ...organizationParam, domain_id: z.uuid() });
export const DomainQuery = z.strictObject(pageQuery);
export type DomainQuery = z.infer<typeof DomainQuery>;

export const DomainView = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid(),
    domain: z.string(),
    challenge: z
      .object({ type: z.literal('TXT'), name: z.string(), value: z.string() })
      .meta({ description: 'The record that shows that the domain is theirs; it has to stay' }),
    verified_at: z.iso.datetime().nullable(),
    checked_at: z.iso.datetime().nullable(),
    failed_checks: z
      .int()
      .meta({ description: 'In a row, a day apart; after three the domain is not verified any more' }),
    auto_join: autoJoin,
    teams,
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'OrganizationDomain' });

export const present = (one: OrganizationDomain) => ({
  id: one.id,
  organization_id: one.organizationId,
  domain: one.domain,
  challenge: { type: 'TXT', name: challengeName(one.domain), value: challengeValue(one.challenge) },
  verified_at: one.verifiedAt?.toISOString() ?? null,
  checked_at: one.checkedAt?.toISOString() ?? null,
  failed_checks: one.failedChecks,
  auto_join: one.autoJoin,
  teams: one.teamIds,
  created_at: one.createdAt.toISOString(),
  updated_at: one.updatedAt.toISOString(),
  version: one.version,
});
