// Owns the signing keys of each tenant: made once, sealed at rest, published in the order in which they are to be used.
// Hands off to: oidc/provider.ts, which signs with them and publishes their public halves.
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Clock } from '../../platform/clock.js';
import { withContext } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type KeyStatus, type SigningAlg, SigningKey } from './signing-key.entity.js';

export interface SigningKeys {
  /** Private halves of everything published: the current ones first, ES256 before RS256. The engine signs with the first that fits. */
  private: JWK[];
  /** What /jwks shows. */
  public: JWK[];
  /** No longer published, still believed in an id_token_hint for 90 days. */
  retired: JWK[];
}

const FIRST_ALGS: readonly SigningAlg[] = ['ES256', 'RS256'];
const ALG_ORDER: readonly SigningAlg[] = ['ES256', 'RS256', 'EdDSA'];
const STATUS_ORDER: readonly KeyStatus[] = ['current', 'next', 'previous', 'retired'];
const HINT_LIFETIME_MS = 90 * 24 * 3600 * 1000;

export class KeyService {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  /** Sees to it that the tenant has an ES256 and an RS256 key that sign; does nothing where it has. */
  ensure(tenantId: string): Promise<void> {
    return withContext({ tenantId }, async () => {
      const missing = await this.missing();
      if (missing.length === 0) return;
      // An RSA key takes a while to find: made before the transaction opens, thrown away where another process was first.
      const made = await Promise.all(missing.map((alg) => this.generate(tenantId, alg)));
      await this.db.transaction(async () => {
        await this.db.manager.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [
          `signing_keys:${tenantId}`,
        ]);
        const stillMissing = await this.missing();
        for (const key of made.filter(({ alg }) => stillMissing.includes(alg))) {
          await this.db.repo(SigningKey).insert(key);
          await this.audit.record('signing_key.created', { kid: key.kid, alg: key.alg });
        }
      });
    });
  }

  signingKeys(tenantId: string): Promise<SigningKeys> {
    return withContext({ tenantId }, async () => {
      const rows = (await this.db.repo(SigningKey).find()).sort(byUse);
      const published = rows.filter(({ status }) => status !== 'retired');
      const believedSince = this.clock.now().getTime() - HINT_LIFETIME_MS;
      return {
        private: published.map((key) => this.open(key)),
        public: published.map(({ publicJwk }) => publicJwk),
        retired: rows
          .filter(({ status, statusSince }) => status === 'retired' && statusSince.getTime() > believedSince)
          .map(({ publicJwk }) => publicJwk),
      };
    });
  }

  private async missing(): Promise<SigningAlg[]> {
    const present = await this.db.repo(SigningKey).findBy({ status: 'current' });
    return FIRST_ALGS.filter((alg) => !present.some((key) => key.alg === alg));
  }

  private async generate(tenantId: string, alg: SigningAlg): Promise<SigningKey> {
    const pair = await generateKeyPair(alg, { extractable: true, ...(alg === 'RS256' ? { modulusLength: 2048 } : {}) });
    const [publicKey, privateKey] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
    const kid = await calculateJwkThumbprint(publicKey);
    const now = this.clock.now();
    return Object.assign(new SigningKey(), {
      kid,
      alg,
      status: 'current' as const,
      publicJwk: { ...publicKey, kid, alg, use: 'sig' },
      privateJwkSealed: this.sealer.seal(JSON.stringify(privateKey), sealContext(tenantId, kid)),
      createdAt: now,
      statusSince: now,
    });
  }

  private open({ tenantId, kid, alg, privateJwkSealed }: SigningKey): JWK {
    const jwk = JSON.parse(this.sealer.open(privateJwkSealed, sealContext(tenantId, kid))) as JWK;
    return { ...jwk, kid, alg, use: 'sig' };
  }
}

const sealContext = (tenantId: string, kid: string) => `signing_keys:${tenantId}:${kid}`;

const byUse = (a: SigningKey, b: SigningKey) =>
  STATUS_ORDER.indexOf(a.status) - STATUS_ORDER.indexOf(b.status) ||
  ALG_ORDER.indexOf(a.alg) - ALG_ORDER.indexOf(b.alg) ||
  b.createdAt.getTime() - a.createdAt.getTime();
