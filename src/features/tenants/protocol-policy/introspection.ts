// Who may ask about tokens of others (RFC 7662 §4).
import { z } from 'zod';

export const members = {
  /** `resource_servers`: the clients that a resource names, about tokens for it. `any_confidential`: every client that authenticates, about all. */
  introspection: z.enum(['any_confidential', 'resource_servers']).default('any_confidential'),
};
