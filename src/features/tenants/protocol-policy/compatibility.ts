// What the best current practice advises against (RFC 9700), for suites and applications that cannot be changed.
import { z } from 'zod';

export const members = {
  /** Administrators may give clients the profile `compatibility`. Turned off again, such clients are refused. */
  compatibility: z.boolean().default(false),
};
