// One thing that was looked at in an answer of an identity provider: what a refusal is explained by, and what a sign-in that worked has passed.
import { z } from 'zod';

const Value = z.union([z.string().max(512), z.number(), z.boolean(), z.array(z.string().max(512)).max(50)]);

export const Check = z.strictObject({
  /** A stable name, as `assertion_audience`; the traces say what it means. */
  check: z.string().regex(/^[a-z0-9_]{1,64}$/),
  passed: z.boolean(),
  /** Cut; never a secret, a token or an assertion. */
  seen: Value.optional(),
  expected: Value.optional(),
  /** Which setting of the connection makes it right, as `saml.idp.certificates`; absent where the identity provider has to send something else. */
  setting: z.string().max(120).optional(),
});
export type Check = z.infer<typeof Check>;
