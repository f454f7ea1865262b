// Owns the chain of each tenant: gives events their place in it, after they were recorded and by nobody who waits for an answer.
// Hands off to: checkpoints.ts, which signs what was sealed.
import type { Database, Statement } from '../../platform/database.js';
import { linkHash } from './hashes.js';
import { commit, type EventRow, leafOf, shown } from './sealed-event.js';

export const SEAL_TASK = 'audit.seal';

interface Chain {
  last_sequence: string;
  hash: Buffer;
}

export class AuditSealing {
  /** @param batch events that one transaction seals. */
  constructor(
    private readonly db: Database,
    private readonly batch = 500,
  ) {}

  /** Whatever waits, over all tenants, and then what was recorded before there were seals. May run in many processes. @returns how many events. */
  async run(signal?: AbortSignal): Promise<number> {
    let total = await this.sealAll(signal);
    for (let tenants = await this.behind(); tenants.length > 0; tenants = await this.behind()) {
      let isMoved = false;
      for (const tenantId of tenants) isMoved = (await this.catchUp(tenantId)) || isMoved;
      total += await this.sealAll(signal);
      if (!isMoved || signal?.aborted) break;
    }
    return total;
  }

  /** A batch of each in turn; may stop between two. */
  private async sealAll(signal?: AbortSignal): Promise<number> {
    let total = 0;
    for (let open = await this.waiting(); open.length > 0; ) {
      const unfinished: string[] = [];
      for (const tenantId of open) {
        if (signal?.aborted) return total;
        const count = await this.sealSome(tenantId);
        total += count;
        if (count === this.batch) unfinished.push(tenantId);
      }
      open = unfinished;
    }
    return total;
  }

  private async behind(): Promise<string[]> {
    const rows = await this.db.execute<{ tenant_id: string }>(BEHIND, []);
    return rows.map(({ tenant_id }) => tenant_id);
  }

  /** A page of what was there before waits from now on. @returns false where another process has the chain. */
  private catchUp(tenantId: string): Promise<boolean> {
    return this.db.transaction(async () => {
      const [chain] = await this.db.execute(TAKE, [tenantId]);
      // In a statement of its own, which sees what was sealed until the chain was taken.
      if (chain) await this.db.execute(CATCH_UP, [tenantId, this.batch * 10]);
      return chain !== undefined;
    });
  }

  private async waiting(): Promise<string[]> {
    const rows = await this.db.execute<{ tenant_id: string }>(WAITING, []);
    return rows.map(({ tenant_id }) => tenant_id);
  }

  /** One transaction: the seals, what waits no longer, and where the chain ends now. @returns 0 where another process has the chain. */
  private sealSome(tenantId: string): Promise<number> {
    return this.db.transaction(async () => {
      await this.db.execute(BEGIN, [tenantId]);
      const [chain] = await this.db.execute<Chain>(TAKE, [tenantId]);
      if (!chain) return 0;
      // The order in which they are found, not that of their ids: who began earlier may have committed later.
      const events = await this.db.execute<EventRow>(NEXT, [tenantId, this.batch]);
      if (events.length === 0) return 0;
      let hash = chain.hash;
      const seals = events.map((row, index) => {
        const event = shown(row);
        const { commitments, salts } = commit(event);
        const leaf = leafOf(tenantId, event, commitments);
        hash = linkHash(hash, leaf);
        const isBare = Object.keys(commitments).length === 0;
        const sequence = Number(chain.last_sequence) + index + 1;
        return { id: event.id, sequence, leaf, hash, kept: isBare ? null : JSON.stringify({ commitments, salts }) };
      });
      await this.db.execute(SEAL, [
        tenantId,
        seals.map(({ sequence }) => sequence),
        seals.map(({ id }) => id),
        seals.map(({ leaf }) => leaf),
        seals.map(({ hash }) => hash),
        seals.map(({ kept }) => kept),
        Number(chain.last_sequence) + seals.length,
        hash,
      ]);
      return seals.length;
    });
  }
}

const BEHIND: Statement = {
  name: 'audit_behind',
  text: `
    SELECT c.tenant_id FROM audit_chains c JOIN tenants t ON t.id = c.tenant_id
     WHERE c.backlog_after IS NOT NULL AND t.deleting_at IS NULL`,
};

/** In the order of the ids; at its end there is no place any more to go on from. */
const CATCH_UP: Statement = {
  name: 'audit_catch_up',
  text: `
    WITH page AS MATERIALIZED (
      SELECT e.id FROM audit_events e
       WHERE e.tenant_id = $1 AND e.id > (SELECT backlog_after FROM audit_chains WHERE tenant_id = $1) ORDER BY e.id LIMIT $2
    ), waiting AS (
      INSERT INTO audit_unsealed (tenant_id, event_id) SELECT $1, p.id FROM page p
       WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.tenant_id = $1 AND s.event_id = p.id)
      ON CONFLICT DO NOTHING
    )
    UPDATE audit_chains SET backlog_after = (SELECT id FROM page ORDER BY id DESC LIMIT 1) WHERE tenant_id = $1`,
};

// From one tenant to the next through the index, however many events of one there are.
const WAITING: Statement = {
  name: 'audit_waiting',
  text: `
    WITH RECURSIVE next AS (
      (SELECT tenant_id FROM audit_unsealed ORDER BY tenant_id LIMIT 1)
      UNION ALL
      SELECT (SELECT u.tenant_id FROM audit_unsealed u WHERE u.tenant_id > next.tenant_id ORDER BY u.tenant_id LIMIT 1)
        FROM next WHERE next.tenant_id IS NOT NULL)
    SELECT tenant_id FROM next WHERE tenant_id IS NOT NULL`,
};

const BEGIN: Statement = {
  name: 'audit_chain_begin',
  text: `
    INSERT INTO audit_chains (tenant_id) SELECT id FROM tenants WHERE id = $1 AND deleting_at IS NULL
    ON CONFLICT DO NOTHING`,
};

/** One writer of a chain at a time; and none of a tenant that goes. */
const TAKE: Statement = {
  name: 'audit_chain_take',
  text: `
    SELECT c.last_sequence, c.hash FROM audit_chains c JOIN tenants t ON t.id = c.tenant_id
     WHERE c.tenant_id = $1 AND t.deleting_at IS NULL
       FOR UPDATE OF c SKIP LOCKED FOR KEY SHARE OF t SKIP LOCKED`,
};

// Each that waits is looked up by its key, and no more of them than a batch: as a join it is all events of the tenant, each time, while the
// planner knows little of the tables. What went before it was sealed stays here, as a finding.
const NEXT: Statement = {
  name: 'audit_unsealed_next',
  text: `
    WITH these AS MATERIALIZED (
      SELECT u.event_id FROM (SELECT event_id FROM audit_unsealed WHERE tenant_id = $1 ORDER BY event_id OFFSET 0) u
       WHERE (SELECT true FROM audit_events e WHERE e.tenant_id = $1 AND e.id = u.event_id)
         AND NOT coalesce((SELECT true FROM audit_seals s WHERE s.tenant_id = $1 AND s.event_id = u.event_id), false)
       ORDER BY u.event_id LIMIT $2)
    SELECT e.id, e.name, e.data, e.actor_type, e.actor_id, e.ip, e.user_agent, e.request_id, e.occurred_at
      FROM these t CROSS JOIN LATERAL (SELECT * FROM audit_events e WHERE e.tenant_id = $1 AND e.id = t.event_id LIMIT 1) e
     ORDER BY e.id`,
};

const SEAL: Statement = {
  name: 'audit_seal',
  text: `
    WITH sealed AS (
      INSERT INTO audit_seals (tenant_id, sequence, event_id, leaf, hash, commitments, salts)
      SELECT $1, s.sequence, s.event_id, s.leaf, s.hash, s.kept -> 'commitments', s.kept -> 'salts'
        FROM unnest($2::bigint[], $3::uuid[], $4::bytea[], $5::bytea[], $6::jsonb[]) AS s (sequence, event_id, leaf, hash, kept)
    ), waited AS (
      DELETE FROM audit_unsealed WHERE tenant_id = $1 AND event_id = ANY ($3::uuid[])
    )
    UPDATE audit_chains SET last_sequence = $7, hash = $8 WHERE tenant_id = $1`,
};
