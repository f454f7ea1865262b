// What a tenant says of administrators who act for people.
import { z } from 'zod';

export const ImpersonationPolicy = z.strictObject({
  /** Whether those who hold `users:impersonate` may, each time with a reason. */
  mode: z.enum(['off', 'allowed']).default('off'),
  /** Whether the person gets a letter; in their account they read it in any case. */
  letter: z.boolean().default(true),
});
