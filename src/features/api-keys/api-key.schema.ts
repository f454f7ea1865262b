import { z } from 'zod';
import { Networks } from '../../platform/networks.js';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { Identifier, ResourceScope } from '../resources/resource.schema.js';
import { Roles } from '../users/user.schema.js';
import type { ApiKey } from './api-key.entity.js';
import { ENVIRONMENTS, KEY_PATTERN } from './api-key.format.js';

const tenYears = 315_360_000;
const year = 31_536_000;

const Lifetime = z.int().min(60).max(tenYears).nullable().meta({ description: 'Seconds from now; null: no end' });

const ResourceAccess = z.strictObject({
  identifier: Identifier,
  scopes: z.array(ResourceScope.shape.name).min(1).max(200),
});

const members = z.strictObject({
  name: plainText(120).meta({ description: 'What it is for' }),
  scopes: z
    .array(z.string().min(1).max(200))
    .max(200)
    .refine((given) => new Set(given).size === given.length, { message: 'names must differ' })
    .meta({ description: 'What it may do at this API: never more than whoever makes it' }),
  roles: Roles.shape.roles.meta({
    description:
      'What they open at this API is added to its scopes, as they are at each use: never more than whoever makes it',
  }),
  resources: z
    .array(ResourceAccess)
    .max(20)
    .refine((given) => new Set(given.map(({ identifier }) => identifier)).size === given.length, {
      message: 'identifiers must differ',
    })
    .meta({ description: 'What it can be exchanged for (RFC 8693): scopes of other resources' }),
  allowed_networks: Networks.meta({ description: 'From where it may be used; none: from everywhere' }),
  requests_per_minute: z
    .int()
    .min(1)
    .max(100_000)
    .nullable()
    .meta({ description: 'How often it may be used; null: as often as the tenant' }),
});

export const CreateApiKey = z.strictObject({
  ...members.shape,
  kind: z
    .enum(['service', 'user'])
    .default('service')
    .meta({ description: '`service`: it acts for the tenant, as itself. `user`: for the person who makes it' }),
  environment: z.enum(ENVIRONMENTS).default('live'),
  scopes: members.shape.scopes.default([]),
  roles: members.shape.roles.default([]),
  resources: members.shape.resources.default([]),
  allowed_networks: members.shape.allowed_networks.default([]),
  requests_per_minute: members.shape.requests_per_minute.default(null),
  expires_in: Lifetime.default(year),
});
export type CreateApiKey = z.input<typeof CreateApiKey>;

/** RFC 7396: what is absent stays; null takes a list or a limit away. */
export const UpdateApiKey = z.strictObject({
  name: members.shape.name.optional(),
  scopes: members.shape.scopes.optional(),
  roles: members.shape.roles.nullish(),
  resources: members.shape.resources.nullish(),
  allowed_networks: members.shape.allowed_networks.nullish(),
  requests_per_minute: members.shape.requests_per_minute.optional(),
  expires_in: Lifetime.optional(),
});
export type UpdateApiKey = z.infer<typeof UpdateApiKey>;

export const RotateApiKey = z.strictObject({
  overlap_seconds: z
    .int()
    .min(0)
    .max(2_592_000)
    .optional()
    .meta({ description: 'How long the key in use is good as well, a day where nothing is said; 0: it ends at once' }),
});
export type RotateApiKey = z.infer<typeof RotateApiKey>;

export const ApiKeyParams = z.strictObject({ api_key_id: z.uuid() });

export const ApiKeyQuery = z.strictObject({
  ...pageQuery,
  user_id: z.uuid().optional().meta({ description: 'Those of one person' }),
});
export type ApiKeyQuery = z.infer<typeof ApiKeyQuery>;

/** PostgreSQL knows no year 0. */
const Day = z.iso.date().refine((day) => day >= '1970-01-01', { message: 'must be 1970-01-01 or later' });

export const UsageQuery = z.strictObject({
  from: Day.optional().meta({ description: 'First day (UTC); 30 days ago where nothing is said' }),
  to: Day.optional().meta({ description: 'Last day (UTC); today where nothing is said' }),
});
export type UsageQuery = z.infer<typeof UsageQuery>;

export const ApiKeyView = z
  .object({
    id: z.uuid(),
    kind: z.enum(['service', 'user']),
    user_id: z.uuid().nullable(),
    name: z.string(),
    environment: z.enum(ENVIRONMENTS),
    prefix: z.string().meta({ description: 'How it begins' }),
    scopes: z.array(z.string()),
    roles: z.array(z.string()),
    resources: z.array(z.object(ResourceAccess.shape)),
    allowed_networks: z.array(z.string()),
    requests_per_minute: z.int().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    rotated_at: z.iso.datetime().nullable(),
    former_good_until: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'Of the key before this one, while it is good' }),
    last_used_at: z.iso.datetime().nullable().meta({ description: 'To the minute' }),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
    version: z.int(),
  })
  .meta({ id: 'ApiKey' });

export const present = (key: ApiKey, now: Date) => ({
  id: key.id,
  kind: key.userId ? ('user' as const) : ('service' as const),
  user_id: key.userId,
  name: key.name,
  environment: key.environment,
  prefix: key.prefix,
  scopes: key.scopes,
  roles: key.roles,
  resources: key.resources,
  allowed_networks: key.allowedNetworks,
  requests_per_minute: key.requestsPerMinute,
  created_at: key.createdAt.toISOString(),
  updated_at: key.updatedAt.toISOString(),
  rotated_at: key.rotatedAt?.toISOString() ?? null,
  former_good_until: key.formerGoodUntil(now)?.toISOString() ?? null,
  last_used_at: key.lastUsedAt?.toISOString() ?? null,
  expires_at: key.expiresAt?.toISOString() ?? null,
  revoked_at: key.revokedAt?.toISOString() ?? null,
  version: key.version,
});

/** The key itself is in the answer to its making and to its rotation, and in no other. */
export const MadeApiKeyView = z
  .object({
    ...ApiKeyView.shape,
    api_key: z.string().meta({ description: `Shown this once: ${KEY_PATTERN.source}` }),
  })
  .meta({ id: 'MadeApiKey' });

export const UsageView = z
  .object({ items: z.array(z.object({ day: z.iso.date(), requests: z.int() })) })
  .meta({ id: 'ApiKeyUsage' });
