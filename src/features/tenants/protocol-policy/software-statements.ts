// Whom a tenant believes when they vouch for software (RFC 7591 §2.3), and whether every client that registers itself needs such a voucher.
import { z } from 'zod';

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

const PublicKey = z
  .record(z.string().max(64), z.unknown())
  .refine((jwk) => ['EC', 'RSA', 'OKP'].includes(String(jwk.kty)), { message: 'must be an EC, RSA or OKP key' })
  .refine((jwk) => !PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member)), { message: 'must be a public key' });

const StatementIssuer = z.strictObject({
  /** The claim `iss`, byte by byte. */
  issuer: z.string().min(1).max(2048),
  jwks: z.strictObject({ keys: z.array(PublicKey).min(1).max(20) }),
});

export const members = {
  software_statements: z
    .strictObject({
      required: z.boolean().default(false),
      issuers: z.array(StatementIssuer).max(50).default([]),
    })
    .prefault({}),
};
