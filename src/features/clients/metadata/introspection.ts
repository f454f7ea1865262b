// What a client that is a resource server is told of tokens as a JWT is signed with (RFC 9701 §6).
import { z } from 'zod';
import { SERVER_ALGS } from './values.js';

export const shape = {
  introspection_signed_response_alg: z.enum(SERVER_ALGS).optional(),
};
