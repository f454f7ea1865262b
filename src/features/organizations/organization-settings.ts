// What an organization decides for itself, each member stored as it was given: what is absent takes its default when it is read.
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { acrValues } from '../../../config/protocol.js';
import { FIRST_FACTORS } from '../tenants/authentication-policy.js';
import { Branding } from '../tenants/branding.js';

/** Ways into a session whose proofs count for an organization. */
const WAYS_IN = [...FIRST_FACTORS, 'connection'] as const;

const differ = (given: readonly string[]) => new Set(given).size === given.length;
const namesDiffer = { message: 'names must differ' };

const Networks = z
  .array(z.string().max(49).refine(ipaddr.isValidCIDR, { message: 'must be a network, as 198.51.100.0/24' }))
  .max(50)
  .refine(differ, namesDiffer);

/** What proof a token for this organization takes; those for others, or for none, are not touched. */
const Policy = z.strictObject({
  acr: z
    .enum(acrValues)
    .exclude([acrValues[0]])
    .nullable()
    .default(null)
    .meta({ description: 'The class of proof it takes (`acr`), or a stronger one' }),
  grace_days: z
    .int()
    .min(0)
    .max(90)
    .default(0)
    .meta({ description: 'Days after joining, or after the class was raised, in which a member does without it' }),
  trusted_networks: Networks.default([]).meta({ description: 'From there the class is not asked for' }),
  ways_in: z
    .array(z.enum(WAYS_IN))
    .min(1)
    .max(WAYS_IN.length)
    .refine(differ, namesDiffer)
    .nullable()
    .default(null)
    .meta({ description: 'First proofs that count; null: all that the tenant takes' }),
  session_seconds: z
    .int()
    .min(300)
    .max(31_536_000)
    .nullable()
    .default(null)
    .meta({ description: 'Older proofs do not count, and what was granted for this organization ends then too' }),
  ip_allow_list: Networks.default([]).meta({ description: 'Empty: from everywhere' }),
  password: z
    .strictObject({ min_length: z.int().min(8).max(128).nullable().default(null) })
    .prefault({})
    .meta({ description: 'Stricter than the tenant’s; passwords set before are changed at the next entry' }),
});

const domains = z
  .array(
    z
      .string()
      .max(253)
      .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/, 'must be a domain, in ASCII and lower case'),
  )
  .max(200)
  .refine(differ, namesDiffer)
  .default([]);

const Invitations = z.strictObject({
  allowed_domains: domains.meta({ description: 'Only addresses there are invited; empty: any' }),
  denied_domains: domains,
  expires_days: z.int().min(1).max(30).default(7),
});

const Members = z.strictObject({
  suspend_inactive_days: z
    .int()
    .min(7)
    .max(3650)
    .nullable()
    .default(null)
    .meta({ description: 'Members whom no token was given for as long are suspended; null: nobody' }),
  notice_days: z.int().min(1).max(30).default(7).meta({ description: 'So long before they are told by mail' }),
});

export const OrganizationSettings = z
  .strictObject({ branding: Branding, policy: Policy, invitations: Invitations, members: Members })
  .partial();
export type OrganizationSettings = z.output<typeof OrganizationSettings>;

export type OrganizationPolicy = z.output<typeof Policy>;
type Acr = NonNullable<OrganizationPolicy['acr']>;

export type FullSettings = ReturnType<typeof readOrganizationSettings>;

/** Since when its policy is as strict as it is. */
export interface PolicyTimes {
  /** Since when its class is asked for. */
  policy_since?: string;
  /** Weaker classes that were asked for before it, and since when: while members have time for it, these are. */
  policy_earlier?: { acr: Acr; since: string | null }[];
  /** Since when passwords are as long. */
  password_since?: string;
}

/** As it lies in the column: what was given, and since when. */
export type StoredSettings = OrganizationSettings & PolicyTimes;

/** What was given, and nothing else. */
export function givenSettings(stored: StoredSettings): OrganizationSettings {
  const { policy_since, policy_earlier, password_since, ...given } = stored;
  return given;
}

/**
 * With every default filled in. `policy.since`: members have time from then on, or none, in which those of the `earlier` classes are asked for whose time is over;
 * `policy.passwordSince`: whoever set a password before has another one to set.
 */
export function readOrganizationSettings(stored: StoredSettings) {
  const { policy_since = null, policy_earlier = [], password_since = null } = stored;
  return {
    branding: Branding.parse(stored.branding ?? {}),
    policy: {
      ...Policy.parse(stored.policy ?? {}),
      since: policy_since,
      earlier: policy_earlier,
      passwordSince: password_since,
    },
    invitations: Invitations.parse(stored.invitations ?? {}),
    members: Members.parse(stored.members ?? {}),
  };
}
