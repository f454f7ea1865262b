import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import type { MailMessage } from './mail-message.entity.js';

const Status = z.enum(['queued', 'sent', 'failed']);

export const MailQuery = z.strictObject({
  ...pageQuery,
  status: Status.optional().meta({ description: 'failed: given up, and waiting for somebody to look at it' }),
});
export type MailQuery = z.infer<typeof MailQuery>;

export const MailParams = z.strictObject({ message_id: z.uuid() });

/** Neither to whom nor what it says: a link in it opens an account. */
export const MailMessageView = z
  .object({
    id: z.uuid(),
    template: z.string(),
    status: Status,
    attempts: z.int(),
    last_error: z
      .string()
      .nullable()
      .meta({ description: 'Code of the mail server or the connection, never its words' }),
    created_at: z.iso.datetime(),
    sent_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'MailMessage' });

export const present = (message: MailMessage) => ({
  id: message.id,
  template: message.template,
  status: message.status,
  attempts: message.attempts,
  last_error: message.lastError,
  created_at: message.createdAt.toISOString(),
  sent_at: message.sentAt?.toISOString() ?? null,
});
