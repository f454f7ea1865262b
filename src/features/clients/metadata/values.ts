// What clients may choose from, and kinds of values of which several members are. What is accepted here and what the engine is configured to support
// (oidc/configuration) is the same list.
import { z } from 'zod';
import { keyAlgorithms } from '../../../../config/protocol.js';
import { isWebUri } from '../redirect-uri.js';

export const GRANT_TYPES = [
  // RFC 6749 §4
  'authorization_code',
  'refresh_token',
  'client_credentials',
  // With the profile `compatibility` alone (compatibility.ts).
  'implicit',
  // RFC 8693 §2.1
  'urn:ietf:params:oauth:grant-type:token-exchange',
  // RFC 7523 §2.1
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  // RFC 8628 §3.4
  'urn:ietf:params:oauth:grant-type:device_code',
  // OpenID Connect CIBA §4
  'urn:openid:params:grant-type:ciba',
] as const;

/** Those in which a person takes part: what they agreed to can be refreshed. */
export const GRANTS_OF_PEOPLE: ReadonlySet<string> = new Set([
  'authorization_code',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:openid:params:grant-type:ciba',
]);

export const RESPONSE_TYPES = [
  // Tokens come from /token alone, so neither `token` nor `id_token` (RFC 9700 §2.1.2).
  'code',
  'none',
] as const;

/** OpenID Connect Core §3.2, §3.3: with the profile `compatibility` alone. Their words in the order of the alphabet, as the engine writes them. */
export const COMPATIBILITY_RESPONSE_TYPES = [
  'id_token',
  'id_token token',
  'code id_token',
  'code token',
  'code id_token token',
] as const;

export const AUTH_METHODS = [
  // RFC 7591 §2, OpenID Connect Core §9
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  // RFC 8705 §2
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const;

/** What we sign with, where the tenant has keys of it (settings.signing_keys). Never HS*: secrets are kept as hashes. */
export const SERVER_ALGS = keyAlgorithms.signing;

/** What clients may sign with. Ed25519 is EdDSA by its own name (RFC 9864 §2.2), which libraries say of such a key. */
export const CLIENT_ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const;

export const webUri = z.string().max(2048).refine(isWebUri, { message: 'must be an https URI' });
export const httpsUri = z.url({ protocol: /^https$/ }).max(2048);
export const redirectUris = z.array(z.string().max(2048)).max(100);
export const seconds = (min: number, max: number) => z.number().int().min(min).max(max);
