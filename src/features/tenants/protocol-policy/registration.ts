// Whether clients may register themselves (RFC 7591) and manage their registration (RFC 7592), and what everybody may register.
import { z } from 'zod';

export const ScopeName = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope token (RFC 6749 §3.3)');

/** As a URL has it: a name in ASCII, or an address. */
const HostName = z
  .string()
  .max(253)
  .regex(/^([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:]+\])$/, 'must be a host name in lower case, without a port');

/** Ceilings for what a client says of itself. */
export const OpenRegistration = z.strictObject({
  scopes: z.array(ScopeName).min(1).max(200).optional().meta({
    description:
      'The most that such a client may ask for, but at resources open to such clients; absent: scopes about people only',
  }),
  redirect_hosts: z
    .array(HostName)
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Hosts to which browsers are sent; absent: any' }),
});

export const members = {
  /**
   * `token`: with an initial access token. `open`: everybody, a limited number from one address. `off`: nobody, and what was registered is
   * managed by administrators only.
   */
  registration: z.enum(['off', 'token', 'open']).default('token'),
  /** What everybody may register, where it is `open`. */
  open_registration: OpenRegistration.prefault({}),
};
