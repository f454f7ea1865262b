import { z } from 'zod';
import type { TokenEndingPage } from './token-endings.js';

export const TokenEndingQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,19}\.\d{1,18}$/, 'must be what `next` said')
    .optional()
    .meta({ description: 'What `next` said last; absent, everything that still matters' }),
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(0)
    .meta({ description: 'Seconds to wait for something to end, where nothing has' }),
});
export type TokenEndingQuery = z.infer<typeof TokenEndingQuery>;

export const TokenEndingsView = z
  .object({
    endings: z.array(
      z.object({
        kind: z
          .enum(['jti', 'gid', 'suid', 'client_id'])
          .meta({ description: 'The claim of the token that names what has ended' }),
        value: z.string(),
        ended_at: z.iso.datetime().meta({ description: 'Of a client_id: tokens issued later (iat) are good' }),
        expires_at: z.iso.datetime().meta({ description: 'To be remembered until then' }),
      }),
    ),
    next: z.string(),
    more: z.boolean(),
  })
  .meta({ id: 'TokenEndings' });

export const present = ({ endings, next, more }: TokenEndingPage) => ({
  endings: endings.map(({ kind, value, endedAt, expiresAt }) => ({
    kind,
    value,
    ended_at: endedAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  })),
  next,
  more,
});
