// What is made with a tenant and never rotated by accident, so that a live engine is swapped without anybody noticing. Sealed at rest.
import { z } from 'zod';
import { randomToken, type Sealer } from '../../platform/crypto.js';
import type { SealedColumn } from '../../platform/rewrap.js';

const Secrets = z.object({ dpop_nonce: z.string(), pairwise_salt: z.string(), identifier_key: z.string() });

export interface TenantSecrets {
  /** 32 bytes for the DPoP nonces (RFC 9449 §8). */
  dpopNonce: Buffer;
  /** OIDC Core §8.1: a salt that changes gives everybody another sub. */
  pairwiseSalt: string;
  /** Key of the HMAC under which failed sign-ins are counted. */
  identifierKey: string;
}

/** @returns new ones, sealed for this tenant. */
export function makeSecrets(sealer: Sealer, tenantId: string): string {
  const secrets: z.infer<typeof Secrets> = {
    dpop_nonce: randomToken(),
    pairwise_salt: randomToken(),
    identifier_key: randomToken(),
  };
  return sealer.seal(JSON.stringify(secrets), sealContext(tenantId));
}

/** @throws Error where ENCRYPTION_KEYS lacks the key they were sealed with, or the row was changed. */
export function openSecrets(
  sealer: Sealer,
  { id, secretsSealed }: { id: string; secretsSealed: string },
): TenantSecrets {
  const secrets = Secrets.parse(JSON.parse(sealer.open(secretsSealed, sealContext(id))));
  return {
    dpopNonce: Buffer.from(secrets.dpop_nonce, 'base64url'),
    pairwiseSalt: secrets.pairwise_salt,
    identifierKey: secrets.identifier_key,
  };
}

const sealContext = (tenantId: string) => `tenants:${tenantId}:secrets`;

export const sealedTenantSecrets: SealedColumn = {
  table: 'tenants',
  column: 'secrets_sealed',
  key: ['id'],
  context: ({ id }) => sealContext(String(id)),
};
