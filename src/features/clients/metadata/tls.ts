// Clients known by their certificates, and tokens bound to them (RFC 8705 §2.1.2, §2.2.2, §3.4).
import { createPublicKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { ipOf, readDn, SUBJECT_MEMBERS } from '../certificate-names.js';
import type { Rule } from './rule.js';

const text = z.string().min(1).max(2048);

export const shape = {
  tls_client_auth_subject_dn: text
    .refine((dn) => readDn(dn) !== undefined, { message: 'must be a distinguished name (RFC 4514)' })
    .optional(),
  tls_client_auth_san_dns: text
    .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, { message: 'must be a DNS name' })
    .optional(),
  tls_client_auth_san_uri: text.refine((uri) => URL.canParse(uri), { message: 'must be a URI' }).optional(),
  tls_client_auth_san_ip: text.refine((ip) => ipOf(ip) !== undefined, { message: 'must be an IP address' }).optional(),
  tls_client_auth_san_email: z.email().max(254).optional(),
  tls_client_certificate_bound_access_tokens: z.boolean().optional(),
  /** For the client's own software: it asks at the addresses of `mtls_endpoint_aliases`. */
  use_mtls_endpoint_aliases: z.boolean().optional(),
};

export const rule: Rule = (client, refuse) => {
  const method = client.token_endpoint_auth_method;
  const subjects = SUBJECT_MEMBERS.filter((member) => client[member] !== undefined);
  const [first = 'tls_client_auth_subject_dn'] = subjects;
  // Without one, every certificate of the authority would be the client's.
  if (method === 'tls_client_auth' && subjects.length !== 1)
    refuse(first, `tls_client_auth needs exactly one of ${SUBJECT_MEMBERS.join(', ')} (RFC 8705 §2.1.2)`);
  if (method !== 'tls_client_auth' && subjects.length > 0) refuse(first, 'is for tls_client_auth');

  if (client.tls_client_certificate_bound_access_tokens && client.dpop_bound_access_tokens)
    refuse('tls_client_certificate_bound_access_tokens', 'a token is bound to a certificate or to a DPoP key');

  const keys = client.jwks?.keys ?? [];
  for (const [index, key] of keys.entries())
    if (key.x5c !== undefined && !isOfKey(key))
      refuse(`jwks/keys/${index}/x5c`, 'must begin with a certificate of the key (RFC 7517 §4.7)');
  if (method !== 'self_signed_tls_client_auth') return;
  if (!client.jwks && !client.jwks_uri) refuse('jwks', 'jwks or jwks_uri is needed (RFC 8705 §2.2.2)');
  else if (client.jwks && !keys.some(({ x5c }) => x5c !== undefined))
    refuse('jwks', 'the certificate is needed in x5c of a key (RFC 8705 §2.2.2)');
};

/** Whether anybody can show a certificate here is the installation's, not the client's: asked where both are known (ClientHooks.maySign). */
export const needsCertificate = (client: {
  token_endpoint_auth_method: string;
  tls_client_certificate_bound_access_tokens?: boolean | undefined;
}): boolean =>
  client.token_endpoint_auth_method.endsWith('tls_client_auth') ||
  client.tls_client_certificate_bound_access_tokens === true;

function isOfKey(jwk: Record<string, unknown>): boolean {
  const { x5c } = jwk;
  if (
    !Array.isArray(x5c) ||
    x5c.length > 5 ||
    !x5c.every((one) => typeof one === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(one))
  )
    return false;
  try {
    const certificate = new X509Certificate(Buffer.from(String(x5c[0]), 'base64'));
    return certificate.publicKey.equals(createPublicKey({ key: jwk as never, format: 'jwk' }));
  } catch {
    return false;
  }
}
