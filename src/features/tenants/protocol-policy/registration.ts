// Whether clients may register themselves (RFC 7591) and manage their registration (RFC 7592).
import { z } from 'zod';

export const members = {
  /** `token`: with an initial access token. `off`: nobody, and what was registered is managed by administrators only. */
  registration: z.enum(['off', 'token']).default('token'),
};
