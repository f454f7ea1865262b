// Owns the signing keys of each tenant: next → current → previous → retired. A key is published before it signs and after it has stopped,
// its private half is sealed, and a change is one transaction that every process hears of.
// Hands off to: oidc/, which signs with them and publishes their public halves; key-schedule.ts, which rotates them in time.
import type { JWK } from 'jose';
import { keyAlgorithms } from '../../../config/protocol.js';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, invalid, notFound } from '../../platform/errors.js';
import type { Logger } from '../../platform/logger.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Caching } from '../tenants/caching.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { KeyMaterial } from './key-material.js';
import { KeySet } from './key-set.js';
import { type KeyAlg, type KeyStatus, SigningKey } from './signing-key.entity.js';

export interface SigningKeys {
  /** Private halves of everything published: the current ones first, ES256 before RS256. The engine signs with the first that fits. */
  private: JWK[];
  /** What /jwks shows. */
  public: JWK[];
  /** No longer published, still believed in an id_token_hint. */
  retired: JWK[];
}

const ALG_ORDER: readonly KeyAlg[] = [...keyAlgorithms.signing, ...keyAlgorithms.encryption];
const STATUS_ORDER: readonly KeyStatus[] = ['current', 'next', 'previous', 'retired'];
const FIRST_STATUSES = ['current', 'next'] as const;

export class KeyService {
  private readonly material: KeyMaterial;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    sealer: Sealer,
    private readonly caching: Caching,
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'error'>,
  ) {
    this.material = new KeyMaterial(sealer, clock);
  }

  /** Sees to it that the tenant has a key that signs and one that will, of each of its algorithms; does nothing where it has. */
  ensure(tenantId: string): Promise<void> {
    return withContext({ tenantId }, async () => {
      const missing = missingFrom(await this.list(), await this.algorithms());
      if (missing.length === 0) return;
      // Thrown away where another process was first.
      const made = await Promise.all(missing.map(({ alg, status }) => this.material.make(alg, status)));
      await this.change(async (set) => {
        const still = missingFrom(set.keys, await this.algorithms());
        const wanted = made.filter((key) => still.some(({ alg, status }) => alg === key.alg && status === key.status));
        for (const key of wanted) await set.add(key);
        // Where there was no key at all nobody can have an engine with fewer of them.
        return wanted.length > 0 && set.keys.length > 0;
      });
    });
  }

  /** @throws Error where a key that signs does not open: an issuer that would sign with another than the published key is none. */
  signingKeys(tenantId: string): Promise<SigningKeys> {
    return withContext({ tenantId }, async () => {
      const keys = await this.list();
      const published = keys.filter(({ status }) => status !== 'retired');
      const now = this.clock.now();
      return {
        private: published.flatMap((key) => this.open(key)),
        public: published.map(({ publicJwk }) => publicJwk),
        retired: keys.filter((key) => key.isBelieved(now)).map(({ publicJwk }) => publicJwk),
      };
    });
  }

  /** Of the current tenant, in the order of their use. */
  async list(): Promise<SigningKey[]> {
    return (await this.db.repo(SigningKey).find()).sort(byUse);
  }

  /**
   * current → previous, next → current, and another is next, of one algorithm or of all.
   * @param force even where verifiers may not have seen the next key yet: those who do not fetch the key set anew refuse what it signs.
   * @throws AppError 409 while the next key is younger than what verifiers remember.
   */
  async rotate({ alg, force = false }: { alg?: KeyAlg | undefined; force?: boolean } = {}): Promise<SigningKey[]> {
    const algorithms = await this.algorithms();
    if (alg && !algorithms.includes(alg))
      throw invalid('This tenant has no keys of it', [
        { pointer: '/alg', message: `must be ${algorithms.join(' or ')}` },
      ]);
    return this.advance((keys) => {
      for (const { status, alg: one, readyAt } of keys)
        if (status === 'next' && (!alg || one === alg) && !force && readyAt > this.clock.now())
          throw conflict(
            'next_key_too_young',
            `Verifiers may not have seen the next ${one} key yet: rotate after ${readyAt.toISOString()}, or force it`,
          );
      return alg ? [alg] : algorithms;
    });
  }

  /** Those whose time has come, as the settings of the tenant say; and what is left of older ones is taken away. */
  async tend(tenantId: string): Promise<void> {
    await withContext({ tenantId }, async () => {
      const { rotation_days } = await this.policy();
      await this.advance((keys) => {
        const now = this.clock.now();
        const ready = keys.filter(({ status, readyAt }) => status === 'next' && readyAt <= now).map(({ alg }) => alg);
        return keys
          .filter((key) => key.status === 'current' && key.isDue(rotation_days, now) && ready.includes(key.alg))
          .map(({ alg }) => alg);
      });
      await this.clear();
    });
  }

  /**
   * Somebody else may have the key: from now on nothing it signed is believed, not even as a hint, and it is published no longer. The next
   * key takes its place at once. Verifiers that keep the key set believe it until they fetch it again.
   * @throws AppError 404
   */
  compromised(kid: string): Promise<SigningKey[]> {
    return this.advance((keys) => {
      const key = keys.find((one) => one.kid === kid);
      if (!key) throw notFound('signing key');
      return key.status === 'current' || key.status === 'next' ? [key.alg] : [];
    }, kid);
  }

  /**
   * @param decide which algorithms move on; asked before, to make the keys, and again when nobody else can change them.
   * @param kid of a compromised key.
   */
  private async advance(
    decide: (keys: readonly SigningKey[]) => readonly KeyAlg[],
    kid?: string,
  ): Promise<SigningKey[]> {
    await this.ensure(currentTenantId());
    const fresh = new Map<KeyAlg, SigningKey>();
    for (const alg of decide(await this.list())) fresh.set(alg, await this.material.make(alg, 'next'));
    await this.change(async (set) => {
      const algs = decide(set.keys);
      const compromised = set.keys.find((key) => key.kid === kid);
      const toReplace = compromised?.status === 'next';
      if (compromised) await set.disown(compromised);
      for (const alg of algs) {
        const next = set.find(alg, 'next');
        const made = fresh.get(alg);
        if (!made || !(next || toReplace)) throw conflict('keys_changed', 'The keys have changed meanwhile: try again');
        if (next) this.assertOpens(next);
        await (next ? set.succeed(next, made) : set.add(made));
      }
      return algs.length > 0 || compromised !== undefined;
    });
    return this.list();
  }

  /** previous → retired → gone; and of an algorithm that the tenant uses no longer, current → previous. */
  private async clear(): Promise<void> {
    await this.change(async (set) => set.clear(await this.algorithms()));
  }

  /** One change of a tenant's keys at a time, in all processes. @param work says whether anything has changed: then every engine is built anew. */
  private change(work: (set: KeySet) => Promise<boolean>): Promise<void> {
    return this.db.transaction(async () => {
      await this.db.execute(lock, [currentTenantId()]);
      const set = new KeySet(await this.list(), this.db, this.audit, this.clock);
      if (await work(set)) await this.caching.publish('issuer', currentTenantId());
    });
  }

  /** A key that does not sign and does not open is left out; the others go on. */
  private open(key: SigningKey): JWK[] {
    try {
      return [this.material.open(key)];
    } catch (error) {
      this.logger.error('a signing key does not open: ENCRYPTION_KEYS lacks the key it was sealed with', {
        kid: key.kid,
        status: key.status,
        error,
      });
      if (key.status === 'current') throw error;
      return [];
    }
  }

  private assertOpens(key: SigningKey): void {
    if (this.open(key).length > 0) return;
    throw conflict('next_key_sealed', `The next ${key.alg} key does not open; report it as compromised to replace it`);
  }

  private async algorithms(): Promise<readonly KeyAlg[]> {
    const { algorithms, encryption_algorithms } = await this.policy();
    return [...algorithms, ...encryption_algorithms];
  }

  private async policy() {
    return (await this.tenants.current()).settings.signing_keys;
  }
}

const lock = {
  name: 'signing_keys_lock',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('signing_keys:' || $1, 0))`,
};

function missingFrom(keys: readonly SigningKey[], algorithms: readonly KeyAlg[]) {
  const wanted = algorithms.flatMap((alg) => FIRST_STATUSES.map((status) => ({ alg, status })));
  return wanted.filter((one) => !keys.some(({ alg, status }) => alg === one.alg && status === one.status));
}

const byUse = (a: SigningKey, b: SigningKey) =>
  STATUS_ORDER.indexOf(a.status) - STATUS_ORDER.indexOf(b.status) ||
  ALG_ORDER.indexOf(a.alg) - ALG_ORDER.indexOf(b.alg) ||
  b.statusSince.getTime() - a.statusSince.getTime();
