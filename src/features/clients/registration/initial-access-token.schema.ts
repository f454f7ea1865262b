import { z } from 'zod';
import { pageQuery } from '../../../platform/pagination.js';
import { plainText } from '../../../platform/text.js';
import type { InitialAccessToken } from './initial-access-token.entity.js';
import { RegistrationPolicy } from './registration-policy.js';

export const IssueInitialAccessToken = z.strictObject({
  description: plainText(200).optional().meta({ description: 'For whom it is; never shown to them' }),
  uses: z.int().min(1).max(10_000).default(1).meta({ description: 'How many clients it registers' }),
  expires_in: z.int().min(60).max(31_536_000).default(86_400).meta({ description: 'Seconds' }),
  policy: RegistrationPolicy.default({}),
});
export type IssueInitialAccessToken = z.input<typeof IssueInitialAccessToken>;

export const InitialAccessTokenParams = z.strictObject({ initial_access_token_id: z.uuid() });

export const InitialAccessTokenQuery = z.strictObject(pageQuery);
export type InitialAccessTokenQuery = z.infer<typeof InitialAccessTokenQuery>;

export const InitialAccessTokenView = z
  .object({
    id: z.uuid(),
    description: z.string().nullable(),
    policy: z.object(RegistrationPolicy.shape),
    uses_left: z.int(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'InitialAccessToken' });

export const present = (token: InitialAccessToken) => ({
  id: token.id,
  description: token.description,
  policy: token.policy,
  uses_left: token.usesLeft,
  created_at: token.createdAt.toISOString(),
  expires_at: token.expiresAt.toISOString(),
  last_used_at: token.lastUsedAt?.toISOString() ?? null,
});

/** The token is in the answer to its issue and in no other. */
export const IssuedInitialAccessTokenView = z
  .object({ ...InitialAccessTokenView.shape, initial_access_token: z.string() })
  .meta({ id: 'IssuedInitialAccessToken' });
