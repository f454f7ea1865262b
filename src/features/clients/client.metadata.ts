// Client metadata in the words of RFC 7591 and OIDC Registration, stored as it is sent. What the engine is configured to support and what
// is accepted here must agree: oidc/provider.ts reads the lists below.
import { z } from 'zod';
import { acrValues, lifetimes } from '../../../config/protocol.js';
import { plainText } from '../../platform/text.js';
import { isOrigin, isWebUri } from './redirect-uri.js';

export const GRANT_TYPES = ['authorization_code', 'refresh_token', 'client_credentials'] as const;

/** Tokens come from /token alone, so neither `token` nor `id_token` (RFC 9700 §2.1.2). */
export const RESPONSE_TYPES = ['code', 'none'] as const;

export const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;

/** What we sign with, where the tenant has keys of it (settings.signing_keys). Never HS*: secrets are kept as hashes. */
export const SERVER_ALGS = ['ES256', 'RS256', 'EdDSA'] as const;

/** What clients may sign with. Ed25519 is EdDSA by its own name (RFC 9864 §2.2), which libraries say of such a key. */
export const CLIENT_ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const;

const webUri = z.string().max(2048).refine(isWebUri, { message: 'must be an https URI' });
/** OpenID Connect Back-Channel Logout 1.0 §2.2: it may have a query, and no fragment. */
const logoutUri = webUri.refine((uri) => !uri.includes('#'), { message: 'must not have a fragment' });
const httpsUri = z.url({ protocol: /^https$/ }).max(2048);
const redirectUris = z.array(z.string().max(2048)).max(100);
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** RFC 7518 §6: without these the engine refuses the whole client. */
const JWK_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'x', 'y'],
  RSA: ['n', 'e'],
  OKP: ['crv', 'x'],
};

const publicJwk = z.record(z.string().max(64), z.unknown()).superRefine((jwk, context) => {
  const refuse = (message: string) => context.addIssue({ code: 'custom', message });
  const isText = (member: string) => typeof jwk[member] === 'string' && jwk[member] !== '';
  const members = Object.hasOwn(JWK_MEMBERS, String(jwk.kty)) ? JWK_MEMBERS[String(jwk.kty)] : undefined;
  if (!members) refuse('must be an EC, RSA or OKP key');
  else if (!members.every(isText)) refuse(`must have ${members.join(', ')}`);
  if (['alg', 'kid', 'use'].some((member) => jwk[member] !== undefined && !isText(member)))
    refuse('must have text for alg, kid and use');
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) refuse('must be a public key');
  // 2048 bits are 342 characters of base64url (RFC 7518 §3.3).
  if (jwk.kty === 'RSA' && (typeof jwk.n !== 'string' || jwk.n.length < 342)) refuse('must have 2048 bits or more');
});

const scope = z
  .string()
  .max(4096)
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/,
    'must be scope tokens with a space between (RFC 6749 §3.3)',
  );

const seconds = (min: number, max: number) => z.number().int().min(min).max(max);

export const ClientMetadata = z.strictObject({
  // RFC 7591 §2
  redirect_uris: redirectUris.optional(),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).optional(),
  grant_types: z.array(z.enum(GRANT_TYPES)).max(10).optional(),
  response_types: z.array(z.enum(RESPONSE_TYPES)).max(10).optional(),
  client_name: plainText(120).optional(),
  client_uri: webUri.optional(),
  logo_uri: webUri.optional(),
  scope: scope.optional(),
  contacts: z.array(z.email().max(254)).max(20).optional(),
  tos_uri: webUri.optional(),
  policy_uri: webUri.optional(),
  jwks_uri: webUri.optional(),
  jwks: z.strictObject({ keys: z.array(publicJwk).min(1).max(20) }).optional(),
  // OIDC Dynamic Client Registration §2
  application_type: z.enum(['web', 'native']).optional(),
  subject_type: z.enum(['public', 'pairwise']).optional(),
  sector_identifier_uri: httpsUri.optional(),
  id_token_signed_response_alg: z.enum(SERVER_ALGS).optional(),
  userinfo_signed_response_alg: z.enum(SERVER_ALGS).optional(),
  request_object_signing_alg: z.enum(CLIENT_ALGS).optional(),
  token_endpoint_auth_signing_alg: z.enum(CLIENT_ALGS).optional(),
  default_max_age: seconds(0, 31_536_000).optional(),
  require_auth_time: z.boolean().optional(),
  default_acr_values: z.array(z.enum(acrValues)).max(20).optional(),
  initiate_login_uri: httpsUri.optional(),
  // OIDC RP-Initiated Logout
  post_logout_redirect_uris: redirectUris.optional(),
  // OIDC Back-Channel Logout §2.2
  backchannel_logout_uri: logoutUri.optional(),
  backchannel_logout_session_required: z.boolean().optional(),
  // RFC 9126 §6, RFC 9101 §10.5, RFC 9449 §5.2
  require_pushed_authorization_requests: z.boolean().optional(),
  require_signed_request_object: z.boolean().optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
  // Ours
  allowed_cors_origins: z
    .array(z.string().max(300).refine(isOrigin, { message: 'must be an origin such as https://app.example.com' }))
    .max(50)
    .optional(),
  access_token_ttl: seconds(60, lifetimes.accessTokenMost).optional(),
  refresh_token_ttl: seconds(60, 31_536_000).optional(),
  /** Seconds in which the same refresh token gets the same answer again; 0 turns it off. */
  refresh_grace: seconds(0, 120).optional(),
});
export type ClientMetadata = z.infer<typeof ClientMetadata>;

/** What an absent member means. ES256 costs a small part of what RS256 does, so clients made here get it. */
export function withDefaults(metadata: ClientMetadata) {
  const grantTypes = metadata.grant_types ?? ['authorization_code'];
  return {
    application_type: 'web' as const,
    token_endpoint_auth_method:
      metadata.application_type === 'native' ? ('none' as const) : ('client_secret_basic' as const),
    grant_types: grantTypes,
    response_types: grantTypes.includes('authorization_code') ? ['code' as const] : [],
    redirect_uris: [],
    id_token_signed_response_alg: 'ES256' as const,
    ...metadata,
  };
}
export type FullMetadata = ReturnType<typeof withDefaults>;
