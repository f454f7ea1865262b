// Whether only the holder of a key can use the client's tokens (RFC 9449 §5.2).
import { z } from 'zod';

export const shape = {
  dpop_bound_access_tokens: z.boolean().optional(),
};
