// What clients may choose from, and kinds of values of which several members are. What is accepted here and what the engine is configured to support
// (oidc/configuration) is the same list.
import { z } from 'zod';
import { isWebUri } from '../redirect-uri.js';

export const GRANT_TYPES = [
  // RFC 6749 §4
  'authorization_code',
  'refresh_token',
  'client_credentials',
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

export const AUTH_METHODS = [
  // RFC 7591 §2, OpenID Connect Core §9
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
] as const;

/** What we sign with, where the tenant has keys of it (settings.signing_keys). Never HS*: secrets are kept as hashes. */
export const SERVER_ALGS = ['ES256', 'RS256', 'EdDSA'] as const;

/** What clients may sign with. */
export const CLIENT_ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA'] as const;

export const webUri = z.string().max(2048).refine(isWebUri, { message: 'must be an https URI' });
export const httpsUri = z.url({ protocol: /^https$/ }).max(2048);
export const redirectUris = z.array(z.string().max(2048)).max(100);
export const seconds = (min: number, max: number) => z.number().int().min(min).max(max);
