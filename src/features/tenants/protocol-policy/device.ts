// Whether devices may ask for people to sign in elsewhere (RFC 8628).
import { z } from 'zod';

export const members = {
  /** `off`: there are no such endpoints, and clients that have registered the grant type do what else they may. */
  device_flow: z.enum(['off', 'on']).default('on'),
};
