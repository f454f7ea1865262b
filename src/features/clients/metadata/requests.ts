// How a client makes its authorization requests: pushed (RFC 9126 §6), signed (RFC 9101 §10.5). With what we sign the answers (JARM §3).
import { z } from 'zod';
import { CLIENT_ALGS, SERVER_ALGS } from './values.js';

export const shape = {
  request_object_signing_alg: z.enum(CLIENT_ALGS).optional(),
  require_pushed_authorization_requests: z.boolean().optional(),
  require_signed_request_object: z.boolean().optional(),
  authorization_signed_response_alg: z.enum(SERVER_ALGS).optional(),
};
