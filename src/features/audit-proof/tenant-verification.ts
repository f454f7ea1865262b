// Verifies the record of one tenant where it lies. Reads it in pages; takes as long as there are events.
import type { JWK } from 'jose';
import { auditProof } from '../../../config/protocol.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { timeOfId } from '../audit/audit.queries.js';
import type { KeyService } from '../keys/key.service.js';
import { ChainVerifier, type Finding, type SealedRow } from './chain-verifier.js';
import { type Checkpoint, readCheckpoint } from './checkpoint.js';
import { checkpointsOf } from './checkpoint-check.js';
import { type Commitments, type EventRow, examined, type Salts, shown } from './sealed-event.js';

export interface Verified {
  findings: Finding[];
  events: number;
  erased: number;
  /** Recorded, and not sealed yet. */
  waiting: number;
  checkpoints: number;
  /** Events that are what a checkpoint was signed for. */
  proven: number;
  /** Of these, those that were signed for an hour or more after they happened. */
  late: number;
  /** Events that hang on the one before them. */
  linked: number;
}

interface Head {
  last_sequence: string;
  checkpoint: string;
  /** The newest is there, as it was signed. */
  is_signed: boolean;
}

interface Row extends EventRow {
  sequence: string;
  event_id: string;
  leaf: Buffer;
  hash: Buffer;
  commitments: Commitments | null;
  salts: Salts | null;
  is_there: boolean;
}

export class TenantVerification {
  constructor(
    private readonly db: Database,
    private readonly keys: Pick<KeyService, 'signingKeys'>,
    private readonly page: number = auditProof.page,
  ) {}

  /** Of the current tenant. @param kept checkpoints from elsewhere. */
  async run(kept: readonly Checkpoint[] = [], signal?: AbortSignal): Promise<Verified> {
    const tenantId = currentTenantId();
    const rows = await this.db.execute<{ jws: string; number: string }>(CHECKPOINTS, [tenantId]);
    const signed = rows.flatMap(({ jws }) => readCheckpoint(jws) ?? []);
    const { believed, findings } = await checkpointsOf(signed, await this.publicKeys(), kept);
    for (const { jws, number } of rows)
      if (readCheckpoint(jws)?.number !== Number(number))
        findings.push({ kind: 'checkpoint', says: `checkpoint ${number} is none` });
    // After the checkpoints: it ends where they do, or later.
    const [chain] = await this.db.execute<Head>(HEAD, [tenantId]);
    const head = Number(chain?.last_sequence ?? 0);
    if (chain && !chain.is_signed)
      findings.push({ kind: 'checkpoint', says: `checkpoint ${chain.checkpoint} was signed last, and is not here` });
    const verifier = new ChainVerifier(believed);
    for (let after = 0; after < head; ) {
      signal?.throwIfAborted();
      const page = await this.db.execute<Row>(SEALED, [tenantId, after, head, this.page]);
      for (const row of page) verifier.take(sealed(tenantId, row));
      const last = page.at(-1);
      if (!last) break;
      after = Number(last.sequence);
    }
    findings.push(...verifier.end(head), ...(await this.neverSealed(signal)));
    const [lost = { waiting: 0 }] = await this.db.execute<{ waiting: number }>(WAITING, [tenantId]);
    return {
      findings: [...findings, ...(await this.outside()), ...(await this.gone())],
      events: verifier.events,
      erased: verifier.erased,
      waiting: lost.waiting,
      checkpoints: signed.length,
      proven: verifier.proven,
      linked: verifier.linked,
      late: verifier.late,
    };
  }

  /** All of them, oldest first. */
  async checkpoints(): Promise<Checkpoint[]> {
    const rows = await this.db.execute<{ jws: string }>(CHECKPOINTS, [currentTenantId()]);
    return rows.flatMap(({ jws }) => readCheckpoint(jws) ?? []);
  }

  /** Of what is sealed with ENCRYPTION_KEYS, which nobody has who can only write the database. */
  async publicKeys(): Promise<JWK[]> {
    const { private: keys } = await this.keys.signingKeys(currentTenantId());
    return keys;
  }

  /** Events that nobody recorded: they are not sealed, and nothing says that they will be. */
  private async neverSealed(signal?: AbortSignal): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
      signal?.throwIfAborted();
      const [page] = await this.db.execute<{ last: string | null; strangers: string[] | null }>(STRANGERS, [
        currentTenantId(),
        after,
        this.page,
      ]);
      for (const eventId of page?.strangers ?? [])
        findings.push({ kind: 'inserted', eventId, says: 'was never recorded: it has no seal and waits for none' });
      if (!page?.last) return findings;
      after = page.last;
    }
  }

  /** Seals that stand nowhere in the chain, so that nobody who follows it comes by: whoever made them up wants their event to pass. */
  private async outside(): Promise<Finding[]> {
    const rows = await this.db.execute<{ sequence: string; event_id: string }>(OUTSIDE, [currentTenantId()]);
    return rows.map(({ sequence, event_id: eventId }) => ({
      kind: 'inserted',
      sequence: Number(sequence),
      eventId,
      says: 'has a place outside of the chain',
    }));
  }

  /** Events that were recorded and went before they were sealed. */
  private async gone(): Promise<Finding[]> {
    const rows = await this.db.execute<{ event_id: string }>(GONE, [currentTenantId()]);
    return rows.map(({ event_id: eventId }) => ({
      kind: 'removed',
      eventId,
      says: 'was removed before it was sealed',
    }));
  }
}

function sealed(tenantId: string, row: Row): SealedRow {
  const { event_id: eventId, leaf: sealedLeaf, hash } = row;
  const of = row.is_there
    ? examined(tenantId, shown({ ...row, id: eventId }), row.commitments ?? {}, row.salts ?? {})
    : { leaf: undefined, at: timeOfId(eventId), wrong: [], isErased: false };
  return { sequence: Number(row.sequence), eventId, hash, sealedLeaf, ...of };
}

const HEAD: Statement = {
  name: 'audit_chain_head',
  text: `
    SELECT c.last_sequence, c.checkpoint,
           c.checkpoint = 0 OR COALESCE(sha256(convert_to(k.jws, 'UTF8')) = c.checkpoint_hash, false) AS is_signed
      FROM audit_chains c LEFT JOIN audit_checkpoints k ON k.tenant_id = c.tenant_id AND k.number = c.checkpoint
     WHERE c.tenant_id = $1`,
};

const CHECKPOINTS: Statement = {
  name: 'audit_checkpoints_all',
  text: 'SELECT number, jws FROM audit_checkpoints WHERE tenant_id = $1 ORDER BY number',
};

const SEALED: Statement = {
  name: 'audit_sealed_page',
  text: `
    WITH page AS MATERIALIZED (
      SELECT * FROM audit_seals s
       WHERE s.tenant_id = $1 AND s.sequence > $2 AND s.sequence <= $3 ORDER BY s.sequence LIMIT $4)
    SELECT s.sequence, s.event_id, s.leaf, s.hash, s.commitments, s.salts, e.id IS NOT NULL AS is_there,
           e.id, e.name, e.data, e.actor_type, e.actor_id, e.ip, e.user_agent, e.request_id, e.occurred_at
      FROM page s LEFT JOIN audit_events e ON e.tenant_id = $1 AND e.id = s.event_id ORDER BY s.sequence`,
};

// One statement sees an event wait or sealed, never neither; or before that, where it was recorded before there were seals.
const STRANGERS: Statement = {
  name: 'audit_strangers',
  text: `
    WITH page AS MATERIALIZED (SELECT id FROM audit_events WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3)
    SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last,
           (SELECT array_agg(p.id ORDER BY p.id) FROM page p
             WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.tenant_id = $1 AND s.event_id = p.id)
               AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.tenant_id = $1 AND u.event_id = p.id)
               AND NOT EXISTS (SELECT FROM audit_chains c WHERE c.tenant_id = $1 AND p.id > c.backlog_after)) AS strangers`,
};

const WAITING: Statement = {
  name: 'audit_waiting_of',
  text: 'SELECT count(*)::int AS waiting FROM audit_unsealed WHERE tenant_id = $1',
};

const OUTSIDE: Statement = {
  name: 'audit_outside',
  text: `
    SELECT s.sequence, s.event_id FROM audit_seals s LEFT JOIN audit_chains c ON c.tenant_id = s.tenant_id
     WHERE s.tenant_id = $1 AND (s.sequence < 1 OR s.sequence > COALESCE(c.last_sequence, 0)) ORDER BY s.sequence LIMIT 1000`,
};

const GONE: Statement = {
  name: 'audit_gone',
  text: `
    SELECT u.event_id FROM audit_unsealed u WHERE u.tenant_id = $1
       AND NOT EXISTS (SELECT FROM audit_events e WHERE e.tenant_id = u.tenant_id AND e.id = u.event_id) LIMIT 1000`,
};
