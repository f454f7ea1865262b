// Keys of clients (RFC 7591 §2, RFC 7517), and what they sign to say who they are (RFC 7523).
import { z } from 'zod';
import type { Rule } from './rule.js';
import { CLIENT_ALGS, webUri } from './values.js';

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

export const shape = {
  jwks_uri: webUri.optional(),
  jwks: z.strictObject({ keys: z.array(publicJwk).min(1).max(20) }).optional(),
  token_endpoint_auth_signing_alg: z.enum(CLIENT_ALGS).optional(),
};

export const rule: Rule = (client, refuse) => {
  const method = client.token_endpoint_auth_method;
  if (client.jwks && client.jwks_uri) refuse('jwks', 'jwks and jwks_uri exclude each other (RFC 7591 §2)');
  const needsKeys = method === 'private_key_jwt' || client.request_object_signing_alg;
  if (needsKeys && !client.jwks && !client.jwks_uri) refuse('jwks', 'jwks or jwks_uri is needed');
  if (client.token_endpoint_auth_signing_alg && method !== 'private_key_jwt')
    refuse('token_endpoint_auth_signing_alg', 'is for private_key_jwt');
};
