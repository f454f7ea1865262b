import { z } from 'zod';
import { bulkResultOf } from '../../platform/bulk.js';
import { ImportUser, UserParams } from '../users/user.schema.js';

const { user_id } = UserParams.shape;

export const UserOperation = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('create'), ...ImportUser.shape }),
  z.strictObject({ op: z.literal('disable'), user_id }),
  z.strictObject({ op: z.literal('enable'), user_id }),
  z.strictObject({ op: z.literal('unlock'), user_id }),
]);
export type UserOperation = z.infer<typeof UserOperation>;

export const BulkUsers = z.strictObject({ operations: z.array(UserOperation).min(1).max(100) });

export const BulkUsersResult = bulkResultOf({
  op: z.string(),
  user_id: z.uuid().optional().meta({ description: 'Absent where nobody was created' }),
}).meta({ id: 'BulkUsersResult' });
