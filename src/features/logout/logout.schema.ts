import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import type { LogoutNotice } from './logout-notice.entity.js';

const Status = z.enum(['queued', 'delivered', 'failed']);

export const LogoutNoticeQuery = z.strictObject({
  ...pageQuery,
  status: Status.optional().meta({ description: 'failed: given up, and waiting for somebody to look at it' }),
});
export type LogoutNoticeQuery = z.infer<typeof LogoutNoticeQuery>;

export const LogoutNoticeParams = z.strictObject({ notice_id: z.uuid() });

export const LogoutNoticeView = z
  .object({
    id: z.uuid(),
    client_id: z.string(),
    session_id: z.string(),
    user_id: z.uuid(),
    status: Status,
    attempts: z.int(),
    last_error: z
      .string()
      .nullable()
      .meta({ description: 'Why the last attempt failed, in a word; never what the relying party answered' }),
    created_at: z.iso.datetime(),
    delivered_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'LogoutNotice' });

export const present = (notice: LogoutNotice) => ({
  id: notice.id,
  client_id: notice.clientId,
  session_id: notice.sessionUid,
  user_id: notice.accountId,
  status: notice.status,
  attempts: notice.attempts,
  last_error: notice.lastError,
  created_at: notice.createdAt.toISOString(),
  delivered_at: notice.deliveredAt?.toISOString() ?? null,
});
