// OAuth 2.0 alone: nobody says who somebody is but an API that is asked with the token.
import { z } from 'zod';
import { clientId, scopes } from './connection-oidc.settings.js';
import { location } from './connection-values.js';

export const OAuth2 = z.strictObject({
  client_id: clientId,
  authorization_endpoint: location,
  token_endpoint: location,
  userinfo_endpoint: location,
  emails_endpoint: location.optional().meta({
    description: 'A list of { email, primary, verified }: of it the primary one counts, where it is verified',
  }),
  subject: z
    .string()
    .min(1)
    .max(64)
    .default('sub')
    .meta({ description: 'The member that names somebody, the same for ever' }),
  issuer: location.optional().meta({ description: 'RFC 9207: what the answer says it is from, where it says so' }),
  scopes: scopes.default([]),
  token_endpoint_auth_method: z
    .enum(['client_secret_basic', 'client_secret_post', 'none'])
    .default('client_secret_basic'),
});
