// Tells the owner of an account by mail that it was locked. The lock enqueues this job for unknown identifiers too, so that its
// statements are the same; only here, off the request path, does it matter whether there is somebody to tell.
import { z } from 'zod';
import type { MailService } from '../mail/mail.service.js';
import type { UserService } from '../users/user.service.js';

export const LOCKED_TASK = 'credentials.locked';
export const Locked = z.strictObject({
  user_id: z.uuid().nullable(),
  /** `second_factor`: whoever it was knew the password. */
  factor: z.string().default('password'),
  until: z.string(),
  lockout_count: z.number().int(),
  /** Not the first ones of the day. */
  repeated: z.boolean().default(false),
});

export async function sendLockNotice(
  { user_id, factor, until, repeated }: z.input<typeof Locked>,
  users: UserService,
  mail: Pick<MailService, 'send'>,
): Promise<void> {
  if (!user_id) return;
  const user = await users.find(user_id).catch(() => undefined);
  if (user?.active)
    await (repeated
      ? mail.send('repeated_lockouts', user.email, { until }, user.claims.locale)
      : mail.send('account_locked', user.email, { until, code: factor === 'second_factor' }, user.claims.locale));
}
