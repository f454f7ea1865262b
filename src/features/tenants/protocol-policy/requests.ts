// How clients make their authorization requests, and whether their proofs carry a nonce.
import { z } from 'zod';

export const members = {
  /** Nobody asks by the address of a browser: every request is pushed (RFC 9126 §5). */
  require_pushed_authorization_requests: z.boolean().default(false),
  /** Of all clients, at every endpoint (RFC 9449 §8, §9). */
  dpop_nonce_required: z.boolean().default(false),
};
