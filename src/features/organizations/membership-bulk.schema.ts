import { z } from 'zod';
import { bulkResultOf } from '../../platform/bulk.js';
import { AddMember, ChangeMember } from './membership.schema.js';
import { Suspension } from './organization.schema.js';

const user_id = AddMember.shape.user_id;

const Operation = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('add'), ...AddMember.shape }),
  z.strictObject({ op: z.literal('change'), user_id, ...ChangeMember.shape }),
  z.strictObject({ op: z.literal('remove'), user_id }),
  z.strictObject({ op: z.literal('suspend'), user_id, ...Suspension.shape }),
  z.strictObject({ op: z.literal('resume'), user_id }),
]);
export type Operation = z.infer<typeof Operation>;

export const BulkMembers = z.strictObject({ operations: z.array(Operation).min(1).max(100) });

export const BulkResult = bulkResultOf({ op: z.string(), user_id: z.uuid() }).meta({ id: 'BulkMembersResult' });
