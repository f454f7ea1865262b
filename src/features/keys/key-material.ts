// Makes key pairs and opens their private halves, which are sealed at rest and nowhere else in the clear.
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import { type KeyAlg, type KeyStatus, SigningKey, useOf } from './signing-key.entity.js';

export class KeyMaterial {
  constructor(
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  /** A key of the current tenant, not stored yet. An RSA key takes a while to find: never inside a transaction. */
  async make(alg: KeyAlg, status: KeyStatus): Promise<SigningKey> {
    const bits = /^(?:RS|PS)/.test(alg) ? { modulusLength: 2048 } : {};
    const pair = await generateKeyPair(alg, { extractable: true, ...bits });
    const [publicKey, privateKey] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
    const kid = await calculateJwkThumbprint(publicKey);
    const now = this.clock.now();
    return Object.assign(new SigningKey(), {
      kid,
      alg,
      status,
      publicJwk: { ...publicKey, kid, alg, use: useOf(alg) },
      privateJwkSealed: this.sealer.seal(JSON.stringify(privateKey), sealContext(currentTenantId(), kid)),
      createdAt: now,
      statusSince: now,
    });
  }

  /** @throws Error where ENCRYPTION_KEYS lacks the key it was sealed with, or the row was changed. */
  open({ tenantId, kid, alg, privateJwkSealed }: SigningKey): JWK {
    const jwk = JSON.parse(this.sealer.open(privateJwkSealed ?? '', sealContext(tenantId, kid))) as JWK;
    return { ...jwk, kid, alg, use: useOf(alg) };
  }
}

const sealContext = (tenantId: string, kid: string) => `signing_keys:${tenantId}:${kid}`;

export const sealedSigningKeys: SealedColumn = {
  table: 'signing_keys',
  column: 'private_jwk_sealed',
  key: ['tenant_id', 'kid'],
  context: ({ tenant_id, kid }) => sealContext(String(tenant_id), String(kid)),
};
