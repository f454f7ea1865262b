// OpenID Connect: the provider, who we are there, and what is believed of it.
import { z } from 'zod';
import { location, unique } from './connection-values.js';

export const clientId = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[\x20-\x7e]+$/, 'must be ASCII');

/** RFC 6749 §3.3. */
export const scopes = z
  .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, 'must be a scope'))
  .max(50)
  .refine(unique, { message: 'must differ' });

/** Our client secret is an HMAC key to whoever knows it: it counts only where it is named. */
const ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'HS256',
] as const;

/** OpenID Connect Discovery 1.0 §3, as far as it is used. */
export const ProviderMetadata = z.strictObject({
  authorization_endpoint: location,
  token_endpoint: location,
  userinfo_endpoint: location.optional(),
  jwks_uri: location,
  end_session_endpoint: location.optional(),
  /** RFC 9207 §3. */
  authorization_response_iss_parameter_supported: z.boolean().optional(),
});
export type ProviderMetadata = z.output<typeof ProviderMetadata>;

const words = z.array(z.string().min(1).max(512)).max(20);

export const Oidc = z.strictObject({
  issuer: location,
  client_id: clientId,
  directory: z
    .uuid()
    .optional()
    .meta({ description: 'With the preset microsoft: id of the directory (tenant), which the issuer is made of' }),
  apple: z
    .strictObject({
      team_id: z.string().regex(/^[A-Z0-9]{10}$/),
      key_id: z.string().regex(/^[A-Z0-9]{10}$/),
    })
    .optional()
    .meta({ description: 'With the preset apple: whose key the client_secret (PKCS #8, PEM) is' }),
  token_endpoint_auth_method: z
    .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'])
    .default('client_secret_basic')
    .meta({ description: 'private_key_jwt signs with our keys, which are at our jwks_uri' }),
  scopes: scopes
    .refine((given) => given.includes('openid'), { message: 'must include openid' })
    .default(['openid', 'profile', 'email']),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .refine(unique, { message: 'must differ' })
    .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .meta({ description: 'Of ID tokens; HS256 has to be named' }),
  metadata: ProviderMetadata.partial().optional().meta({ description: 'Instead of what the provider says of itself' }),
  userinfo: z.boolean().default(true).meta({ description: 'Whether it is asked for what the ID token does not say' }),
  response_mode: z.enum(['query', 'form_post']).default('query'),
  mfa: z
    .strictObject({ acr: words.default([]), amr: words.default(['mfa']) })
    .prefault({})
    .meta({ description: 'What says a second factor, where trust.mfa is on' }),
  clock_skew_seconds: z.int().min(0).max(300).default(60),
  logout: z
    .strictObject({ back_channel: z.boolean().default(true), rp_initiated: z.boolean().default(false) })
    .prefault({}),
});
