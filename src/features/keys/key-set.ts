// The keys of one tenant while nobody else can change them: each step of their life, with its record. Built by key.service.ts, which holds
// the lock and tells the engines.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type KeyAlg, type KeyStatus, SigningKey } from './signing-key.entity.js';

export class KeySet {
  constructor(
    readonly keys: readonly SigningKey[],
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  find(alg: KeyAlg, status: KeyStatus): SigningKey | undefined {
    return this.keys.find((key) => key.alg === alg && key.status === status);
  }

  async add(key: SigningKey): Promise<void> {
    await this.db.repo(SigningKey).insert(key);
    await this.audit.record('signing_key.created', { kid: key.kid, alg: key.alg });
  }

  /** The next key signs, and the one made now is next. */
  async succeed(next: SigningKey, made: SigningKey): Promise<void> {
    const current = this.find(next.alg, 'current');
    // First, because one key signs at a time (signing_keys_current_key).
    if (current) await this.move(current, 'previous');
    await this.move(next, 'current');
    await this.add(made);
    await this.audit.record('signing_key.rotated', {
      alg: next.alg,
      kid: next.kid,
      previous_kid: current?.kid ?? null,
      next_kid: made.kid,
    });
  }

  /** Nothing it signed is believed any more, not even as a hint. */
  async disown(key: SigningKey): Promise<void> {
    if (key.compromisedAt) return;
    key.compromisedAt = this.clock.now();
    await this.move(key, 'retired');
    await this.audit.record('signing_key.compromised', { kid: key.kid, alg: key.alg });
  }

  /** previous → retired → gone; and of an algorithm that is used no longer, current → previous. @returns whether there was any. */
  async clear(algorithms: readonly KeyAlg[]): Promise<boolean> {
    const now = this.clock.now();
    const isUnused = ({ status, alg }: SigningKey) =>
      (status === 'current' || status === 'next') && !algorithms.includes(alg);
    const left = this.keys.filter((key) => isUnused(key) || key.isSpent(now) || key.isForgotten(now));
    for (const key of left) {
      const { kid, alg, status } = key;
      if (status === 'current') await this.move(key, 'previous');
      else if (status === 'previous') {
        await this.move(key, 'retired');
        await this.audit.record('signing_key.retired', { kid, alg });
      } else {
        await this.db.repo(SigningKey).delete({ kid });
        await this.audit.record('signing_key.deleted', { kid, alg });
      }
    }
    return left.length > 0;
  }

  private async move(key: SigningKey, status: KeyStatus): Promise<void> {
    Object.assign(key, { status, statusSince: this.clock.now() });
    // What is retired signs nothing any more, whoever reads the table.
    if (status === 'retired') key.privateJwkSealed = null;
    const { kid, statusSince, privateJwkSealed, compromisedAt } = key;
    await this.db.repo(SigningKey).update({ kid }, { status, statusSince, privateJwkSealed, compromisedAt });
  }
}
