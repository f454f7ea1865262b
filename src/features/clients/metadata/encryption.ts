// What is encrypted, and with what (OpenID Connect Dynamic Client Registration §2, JARM §3, RFC 9701 §6, RFC 7518 §4 and §5): ID tokens, userinfo,
// authorization responses and introspection to a key of the client, request objects to a key of the tenant.
import { z } from 'zod';
import { keyAlgorithms } from '../../../../config/protocol.js';
import type { FullMetadata } from '../client.metadata.js';
import type { Refuse, Rule } from './rule.js';

/** To keys of clients. Nothing symmetric: secrets are kept as hashes. Not RSA-OAEP, which is made of SHA-1. */
export const CLIENT_ENCRYPTION_ALGS = ['ECDH-ES', ...keyAlgorithms.encryption] as const;

export const ENCRYPTION_ENCS = ['A128CBC-HS256', 'A256CBC-HS512', 'A128GCM', 'A256GCM'] as const;

const alg = z.enum(CLIENT_ENCRYPTION_ALGS).optional();
const enc = z.enum(ENCRYPTION_ENCS).optional();

export const shape = {
  id_token_encrypted_response_alg: alg,
  id_token_encrypted_response_enc: enc,
  userinfo_encrypted_response_alg: alg,
  userinfo_encrypted_response_enc: enc,
  authorization_encrypted_response_alg: alg,
  authorization_encrypted_response_enc: enc,
  introspection_encrypted_response_alg: alg,
  introspection_encrypted_response_enc: enc,
  request_object_encryption_alg: z.enum(keyAlgorithms.encryption).optional(),
  request_object_encryption_enc: enc,
};

/** Signed in any case, then encrypted (RFC 7519 §11.2); userinfo is signed for those who say so. */
const responses = [
  'id_token_encrypted_response',
  'userinfo_encrypted_response',
  'authorization_encrypted_response',
  'introspection_encrypted_response',
] as const;

export const rule: Rule = (client, refuse) => {
  for (const name of [...responses, 'request_object_encryption'] as const)
    if (client[`${name}_enc` as const] && !client[`${name}_alg` as const]) refuse(`${name}_enc`, `needs ${name}_alg`);
  if (client.userinfo_encrypted_response_alg && !client.userinfo_signed_response_alg)
    refuse('userinfo_encrypted_response_alg', 'needs userinfo_signed_response_alg');
  for (const name of responses) mayBeEncrypted(client, refuse, `${name}_alg` as const);
};

/** What would be found out only when somebody has signed in. Keys at an address of the client are its own business. */
function mayBeEncrypted(
  { jwks, jwks_uri, ...client }: FullMetadata,
  refuse: Refuse,
  member: `${(typeof responses)[number]}_alg`,
): void {
  const algorithm = client[member];
  if (!algorithm || jwks_uri) return;
  if (!jwks) refuse('jwks', `jwks or jwks_uri is needed with ${member}`);
  else if (!jwks.keys.some((key) => isFor(algorithm, key)))
    refuse('jwks', `has no key to encrypt to with ${algorithm} (${member})`);
}

/** RFC 7517 §4.2, §4.4: which key of several is meant. */
export function isFor(algorithm: string, { kty, crv, use, alg: only }: Record<string, unknown>): boolean {
  if ((use !== undefined && use !== 'enc') || (only !== undefined && only !== algorithm)) return false;
  if (algorithm === 'RSA-OAEP-256') return kty === 'RSA';
  return kty === 'EC' ? ['P-256', 'P-384', 'P-521'].includes(String(crv)) : kty === 'OKP' && crv === 'X25519';
}
