// What a person wants to be told. Letters that guard the account are not among it: whoever gets in must not be able to silence them.
import { z } from 'zod';

/** Stored as it was given; what is absent takes its default when it is read. */
export const AccountSettings = z.strictObject({
  notifications: z
    .strictObject({
      /** A sign-in from a new browser or network that nothing else was unusual about. */
      new_device: z.boolean().default(true),
    })
    .prefault({}),
});
export type AccountSettings = z.output<typeof AccountSettings>;
