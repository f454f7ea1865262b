// Signs what was sealed, every few minutes and whenever the signing key has changed. Whoever can write the database cannot sign, and has no past
// signed anew without its being dated late; what was fetched and kept elsewhere nobody writes anew, not even who has the key.
import { auditProof } from '../../../config/protocol.js';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import type { Logger } from '../../platform/logger.js';
import type { KeyService } from '../keys/key.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { signCheckpoint } from './checkpoint.js';
import { linkHash, MerkleTree, textHash } from './hashes.js';

export const CHECKPOINT_TASK = 'audit.checkpoint';

interface Chain {
  last_sequence: string;
  hash: Buffer;
  checkpoint: string;
  checkpoint_hash: Buffer | null;
  checkpoint_kid: string | null;
  checkpointed_sequence: string;
}

interface Seal {
  sequence: string;
  leaf: Buffer;
  hash: Buffer;
}

export class AuditCheckpoints {
  constructor(
    private readonly db: Database,
    private readonly keys: Pick<KeyService, 'signingKeys'>,
    private readonly tenants: Pick<TenantService, 'current' | 'issuerOf'>,
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'error'>,
    private readonly broken: (tenantId: string) => Promise<unknown>,
    private readonly settings: { events: number; seconds: number; page: number } = auditProof,
  ) {}

  /** Tenants whose chain does not hang together, as of the last look of this process. */
  readonly brokenChains = new Set<string>();
  /** What this process has signed last, which nobody changes who has only the database. */
  private readonly signed = new Map<string, { number: number; hash: Buffer }>();

  /** Of each tenant whose time has come. One tenant's trouble is not that of the others. @returns how many were signed. */
  async run(signal?: AbortSignal): Promise<number> {
    let total = 0;
    const { events, seconds } = this.settings;
    const due = await this.db.execute<{ tenant_id: string }>(DUE, [this.clock.now(), seconds, events]);
    for (const { tenant_id: tenantId } of due) {
      if (signal?.aborted) return total;
      try {
        total += await withContext({ tenantId }, () => this.sign(signal));
        this.brokenChains.delete(tenantId);
      } catch (error) {
        this.logger.error('the audit log of a tenant could not be signed', { tenant: tenantId, error });
        if (error instanceof BrokenChain) await this.found(tenantId);
      }
    }
    return total;
  }

  /** Once, and not at every look. */
  private async found(tenantId: string): Promise<void> {
    if (this.brokenChains.has(tenantId)) return;
    this.brokenChains.add(tenantId);
    await this.broken(tenantId);
  }

  /** What the current tenant has sealed since. @returns how many checkpoints; 0 where there is nothing to sign, or another process does. */
  async sign(signal?: AbortSignal): Promise<number> {
    for (let total = 0; ; total += 1) if (signal?.aborted || !(await this.signSome())) return total;
  }

  /** As much as one checkpoint is for: what is taken away one day goes by these. */
  private async signSome(): Promise<boolean> {
    // Opened beforehand: no transaction waits for it.
    const { private: keys } = await this.keys.signingKeys(currentTenantId());
    const key = keys.find(({ use }) => use === 'sig');
    if (!key) throw new Error('the tenant has no key that signs');
    const iss = this.tenants.issuerOf(await this.tenants.current());
    return this.db.transaction(async () => {
      const [chain] = await this.db.execute<Chain>(TAKE, [currentTenantId()]);
      const isNew = chain?.checkpoint_kid !== key.kid;
      if (chain) this.assertOurs(chain);
      if (!chain || (chain.last_sequence === chain.checkpointed_sequence && !isNew)) return false;
      const first = Number(chain.checkpointed_sequence) + 1;
      const last = Math.min(Number(chain.last_sequence), first + this.settings.events - 1);
      const head = last === Number(chain.last_sequence) ? chain.hash : undefined;
      const { root, hash } = await this.rootOf(first, last, head);
      const number = Number(chain.checkpoint) + 1;
      const now = this.clock.now();
      const jws = await signCheckpoint(
        {
          iss,
          iat: 0,
          number,
          first,
          last,
          root: root.toString('base64url'),
          // Where nothing was sealed since, that is where the chain ends.
          chain: (hash ?? chain.hash).toString('base64url'),
          ...(chain.checkpoint_hash ? { previous: chain.checkpoint_hash.toString('base64url') } : {}),
        },
        key,
        now,
      );
      const tenantId = currentTenantId();
      await this.db.execute(KEEP, [tenantId, number, first, last, jws, now, textHash(jws), key.kid]);
      await this.db.afterCommit(() => this.signed.set(tenantId, { number, hash: textHash(jws) }));
      return true;
    });
  }

  /** Told once: whoever restores a backup goes on from there. @throws BrokenChain where what was signed was taken back. */
  private assertOurs({ checkpoint, checkpoint_hash: hash }: Chain): void {
    const tenantId = currentTenantId();
    const ours = this.signed.get(tenantId);
    const number = Number(checkpoint);
    if (!ours || number > ours.number || (number === ours.number && hash?.equals(ours.hash))) return;
    this.signed.delete(tenantId);
    throw new BrokenChain(`checkpoint ${ours.number} was signed, and is not there any more`);
  }

  /** Newest first, for everybody. @param before a number. */
  async list(before: number | undefined, limit: number): Promise<{ number: number; jws: string }[]> {
    const rows = await this.db.execute<{ number: string; jws: string }>(LIST, [
      currentTenantId(),
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    ]);
    return rows.map(({ number, jws }) => ({ number: Number(number), jws }));
  }

  /** Nothing is signed that does not hang together. @throws BrokenChain */
  private async rootOf(first: number, last: number, head: Buffer | undefined) {
    const tree = new MerkleTree();
    let expected = first;
    let hash: Buffer | undefined;
    while (expected <= last) {
      const seals = await this.db.execute<Seal>(SEALS, [currentTenantId(), expected, last, this.settings.page]);
      for (const { sequence, leaf, hash: kept } of seals) {
        // The first hangs on what was signed before, which the hash of the chain in that checkpoint says.
        if (Number(sequence) !== expected || (hash && !linkHash(hash, leaf).equals(kept)))
          throw new BrokenChain(`broken at ${expected}`);
        tree.add(leaf);
        hash = kept;
        expected += 1;
      }
      if (seals.length === 0) throw new BrokenChain(`broken at ${expected}`);
    }
    if (hash && head && !hash.equals(head)) throw new BrokenChain(`broken at ${last}`);
    return { root: tree.root(), hash };
  }
}

class BrokenChain extends Error {
  constructor(what: string) {
    super(`the chain of the audit log: ${what}; ostiary audit verify says more`);
  }
}

const DUE: Statement = {
  name: 'audit_checkpoints_due',
  text: `
    SELECT c.tenant_id FROM audit_chains c JOIN tenants t ON t.id = c.tenant_id
     WHERE t.deleting_at IS NULL
       AND ((c.last_sequence > c.checkpointed_sequence
             AND (c.checkpointed_at IS NULL OR c.checkpointed_at <= $1::timestamptz - make_interval(secs => $2)
                  OR c.last_sequence - c.checkpointed_sequence >= $3))
            OR (c.checkpoint_kid IS NOT NULL AND NOT EXISTS (
                  SELECT FROM signing_keys k WHERE k.tenant_id = c.tenant_id AND k.kid = c.checkpoint_kid AND k.status = 'current')))`,
};

const TAKE: Statement = {
  name: 'audit_chain_to_sign',
  text: `
    SELECT last_sequence, hash, checkpoint, checkpoint_hash, checkpoint_kid, checkpointed_sequence
      FROM audit_chains WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED`,
};

const SEALS: Statement = {
  name: 'audit_seals_of_checkpoint',
  text: `
    SELECT sequence, leaf, hash FROM audit_seals
     WHERE tenant_id = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence LIMIT $4`,
};

const KEEP: Statement = {
  name: 'audit_checkpoint_keep',
  text: `
    WITH kept AS (
      INSERT INTO audit_checkpoints (tenant_id, number, first_sequence, last_sequence, jws, created_at)
      VALUES ($1, $2, $3, $4, $5, $6))
    UPDATE audit_chains SET checkpoint = $2, checkpoint_hash = $7, checkpoint_kid = $8, checkpointed_sequence = $4, checkpointed_at = $6
     WHERE tenant_id = $1`,
};

const LIST: Statement = {
  name: 'audit_checkpoints_list',
  text: 'SELECT number, jws FROM audit_checkpoints WHERE tenant_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3',
};
