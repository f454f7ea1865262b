import { z } from 'zod';
import { ImportUser, UserParams } from '../users/user.schema.js';

const { user_id } = UserParams.shape;

const UserOperation = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('create'), ...ImportUser.shape }),
  z.strictObject({ op: z.literal('disable'), user_id }),
  z.strictObject({ op: z.literal('enable'), user_id }),
  z.strictObject({ op: z.literal('unlock'), user_id }),
]);
export type UserOperation = z.infer<typeof UserOperation>;

export const BulkUsers = z.strictObject({ operations: z.array(UserOperation).min(1).max(100) });

export const BulkUsersResult = z
  .object({
    succeeded: z.int(),
    failed: z.int(),
    results: z.array(
      z.object({
        index: z.int(),
        op: z.string(),
        user_id: z.uuid().optional().meta({ description: 'Absent where nobody was created' }),
        done: z.boolean(),
        error: z
          .object({ status: z.int(), code: z.string(), detail: z.string() })
          .optional()
          .meta({ description: 'As though it had been asked for by itself' }),
      }),
    ),
  })
  .meta({ id: 'BulkUsersResult' });
