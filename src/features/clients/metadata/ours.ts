// Settings of our own: which origins may read answers, which details may be asked for, and how long tokens of the client are good.
import { z } from 'zod';
import { lifetimes } from '../../../../config/protocol.js';
import { isOrigin } from '../redirect-uri.js';
import { seconds } from './values.js';

export const settings = {
  allowed_cors_origins: z
    .array(z.string().max(300).refine(isOrigin, { message: 'must be an origin such as https://app.example.com' }))
    .max(50)
    .optional(),
  /** RFC 9396 §10. Absent: any type where a person agrees, of resources open to it where the client registered itself; none where nobody is asked. */
  authorization_details_types: z.array(z.string().min(1).max(256)).max(100).optional(),
  /** Ids of organizations for which it may have tokens of its own (client_credentials). */
  organizations: z.array(z.uuid()).max(100).optional(),
  access_token_ttl: seconds(60, lifetimes.accessTokenMost).optional(),
  refresh_token_ttl: seconds(60, 31_536_000).optional(),
  /** Seconds in which the same refresh token gets the same answer again; 0 turns it off. */
  refresh_grace: seconds(0, 120).optional(),
};
