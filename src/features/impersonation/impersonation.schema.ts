import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import { plainText } from '../../platform/text.js';
import { Identifier, ResourceScope } from '../resources/resource.schema.js';
import { UserParams } from '../users/user.schema.js';

/** Seconds: long enough to look, and over before somebody else sits down. */
const [shortest, usual, longest] = [60, 600, 900];

const Scope = z
  .string()
  .min(1)
  .max(4000)
  .refine((scope) => scope.split(' ').every((name) => ResourceScope.shape.name.safeParse(name).success), {
    message: 'must be names with a space between them',
  });

export const BeginImpersonation = z.strictObject({
  reason: plainText(500).min(10).meta({ description: 'The person reads it, and it stays in the audit log' }),
  resource: Identifier.meta({ description: 'The one resource of the tenant that the token is for' }),
  scope: Scope.meta({ description: 'No more than the resource has and the client may have there' }),
  client_id: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .meta({ description: 'In whose name; absent: the client that the token of whoever asks was given to' }),
  ttl: z.int().min(shortest).max(longest).default(usual).meta({ description: 'Seconds at most' }),
});
export type BeginImpersonation = z.output<typeof BeginImpersonation>;

export const ImpersonationParams = UserParams.extend({ impersonation_id: z.uuid() });
export const ImpersonationQuery = z.strictObject(pageQuery);
export type ImpersonationQuery = z.infer<typeof ImpersonationQuery>;

/** RFC 8693 §2.2.1. */
export const BegunView = z
  .object({
    id: z.uuid(),
    access_token: z.string(),
    issued_token_type: z.literal('urn:ietf:params:oauth:token-type:access_token'),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Seconds' }),
    scope: z.string(),
  })
  .meta({ id: 'BegunImpersonation' });

export const ImpersonationView = z
  .object({
    id: z.uuid(),
    user_id: z.uuid(),
    impersonator_id: z.uuid(),
    client_id: z.string(),
    resource: z.string(),
    scope: z.string(),
    reason: z.string(),
    started_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    ended_at: z.iso.datetime().nullable().meta({ description: 'Null: not before it expires' }),
    end_reason: z.string().nullable(),
  })
  .meta({ id: 'Impersonation' });
