// Verifies an export or an archive (JSON lines) without a database.
import type { JWK } from 'jose';
import { z } from 'zod';
import { ChainVerifier, type Finding, type SealedRow } from './chain-verifier.js';
import { type Checkpoint, readCheckpoint } from './checkpoint.js';
import { checkpointsOf } from './checkpoint-check.js';
import { examined } from './sealed-event.js';
import type { Verified } from './tenant-verification.js';

const Texts = z.partialRecord(z.enum(['ip', 'user_agent', 'subject_hash']), z.string());

/** A line of an export (export-formats.ts). */
const EventLine = z.object({
  tenant_id: z.string(),
  id: z.string(),
  name: z.string(),
  data: z.record(z.string(), z.unknown()),
  actor: z.object({ type: z.string(), id: z.string() }).nullable(),
  ip: z.string().nullable(),
  user_agent: z.string().nullable(),
  request_id: z.string().nullable(),
  occurred_at: z.string(),
  sequence: z.int().nullable(),
  hash: z.string().nullable(),
  commitments: Texts,
  salts: Texts,
});
type EventLine = z.output<typeof EventLine>;

const CheckpointLine = z.object({ checkpoint: z.string() });

interface Options {
  /** Public halves of the keys of the issuer. */
  keys: readonly JWK[];
  kept?: readonly Checkpoint[];
  /** Checkpoints beside those in the file: later ones vouch for those whose key is gone. */
  others?: readonly Checkpoint[];
  /** What is before and behind it is not missed. */
  isPart?: boolean;
  /** Nor what is between: it is of one person, one kind or one who acted. */
  isFiltered?: boolean;
}

/** @throws SyntaxError or ZodError for a line that is neither an event nor a checkpoint. */
export async function verifyFile(
  lines: AsyncIterable<string>,
  { keys, kept = [], others = [], isPart = false, isFiltered = false }: Options,
): Promise<Verified> {
  const findings: Finding[] = [];
  const rows: SealedRow[] = [];
  const signed: Checkpoint[] = [];
  const unsealed: EventLine[] = [];
  let before = '';
  for await (const line of lines) {
    if (line === '') continue;
    const json: unknown = JSON.parse(line);
    const { data } = CheckpointLine.safeParse(json);
    if (data) {
      const one = readCheckpoint(data.checkpoint);
      if (one) signed.push(one);
      else findings.push({ kind: 'checkpoint', says: 'a line that should be a checkpoint is none' });
      continue;
    }
    const event = EventLine.parse(json);
    // Lines come in the order of their ids, which is that of their times.
    if (event.id <= before) findings.push({ kind: 'reordered', eventId: event.id, says: `stands behind ${before}` });
    else before = event.id;
    if (event.sequence === null || event.hash === null) unsealed.push(event);
    else rows.push(rowOf(event, event.sequence, event.hash));
  }
  rows.sort((a, b) => a.sequence - b.sequence);
  if (signed.length === 0 && rows.length > 0 && !isPart && !isFiltered)
    findings.push({
      kind: 'checkpoint',
      says: 'there is none: nothing here is signed for, and anybody can have written it',
    });
  const all = new Map([...signed, ...others].map((one) => [one.jws, one]));
  const looked = await checkpointsOf(
    [...all.values()].sort((a, b) => a.number - b.number),
    keys,
    kept,
  );
  const own = new Set(signed.map(({ jws }) => jws));
  const verifier = new ChainVerifier(
    looked.believed.filter(({ jws }) => own.has(jws)),
    isPart,
    isFiltered,
  );
  for (const row of rows) verifier.take(row);
  // What is exported before it is sealed is the newest there is.
  const newest = rows.reduce((latest, { eventId }) => (eventId > latest ? eventId : latest), '');
  for (const { id } of unsealed)
    if (id < newest) findings.push({ kind: 'inserted', eventId: id, says: 'has no seal, and later ones have' });
  return {
    findings: [...looked.findings, ...findings, ...verifier.end()],
    events: verifier.events,
    erased: verifier.erased,
    waiting: unsealed.length,
    checkpoints: signed.length,
    proven: verifier.proven,
    linked: verifier.linked,
    late: verifier.late,
  };
}

const rowOf = (event: EventLine, sequence: number, hash: string): SealedRow => ({
  sequence,
  eventId: event.id,
  hash: Buffer.from(hash, 'base64url'),
  ...examined(event.tenant_id, event, event.commitments, event.salts),
});
