// Whether only the holder of a key can use the client's tokens (RFC 9449 §5.2).
import { z } from 'zod';

export const shape = {
  dpop_bound_access_tokens: z.boolean().optional(),
};

export const settings = {
  /** Its proofs have to carry a nonce of ours, so that none can be made beforehand (RFC 9449 §8). */
  dpop_nonce_required: z.boolean().optional(),
};
