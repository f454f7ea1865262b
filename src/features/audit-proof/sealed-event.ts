// What is sealed of an event: every column that is shown. What tells of a person goes in as a commitment, so that it can be taken out
// again when they go, and the hash stays what it was (docs/decisions/0030).
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { timeOfId } from '../audit/audit.queries.js';
import { canonicalJson } from './canonical-json.js';
import { leafHash } from './hashes.js';

/** An event as it is shown and exported. */
export interface ShownEvent {
  id: string;
  name: string;
  data: Record<string, unknown>;
  actor: { type: string; id: string } | null;
  ip: string | null;
  user_agent: string | null;
  request_id: string | null;
  occurred_at: string;
}

/** A row of audit_events, as it comes from the database. */
export interface EventRow {
  id: string;
  name: string;
  data: Record<string, unknown>;
  actor_type: string | null;
  actor_id: string | null;
  ip: string | null;
  user_agent: string | null;
  request_id: string | null;
  occurred_at: Date;
}

export const shown = (row: EventRow): ShownEvent => ({
  id: row.id,
  name: row.name,
  data: row.data,
  actor: row.actor_type && row.actor_id ? { type: row.actor_type, id: row.actor_id } : null,
  ip: row.ip,
  user_agent: row.user_agent,
  request_id: row.request_id,
  occurred_at: row.occurred_at.toISOString(),
});

/** What erasure takes out of the record (features/accounts/erasure.ts). */
const PERSONAL = ['ip', 'user_agent', 'subject_hash'] as const;
type Personal = (typeof PERSONAL)[number];

/** base64url, by what they are of. */
export type Commitments = Partial<Record<Personal, string>>;
export type Salts = Partial<Record<Personal, string>>;

/** @returns what is kept beside the event: with its salt a commitment can be shown to be of a value, without it of none. */
export function commit(event: ShownEvent): { commitments: Commitments; salts: Salts } {
  const commitments: Commitments = {};
  const salts: Salts = {};
  for (const name of PERSONAL) {
    const value = personal(event, name);
    if (value === null) continue;
    const salt = randomBytes(16).toString('base64url');
    salts[name] = salt;
    commitments[name] = commitment(salt, value).toString('base64url');
  }
  return { commitments, salts };
}

export function leafOf(tenantId: string, event: ShownEvent, commitments: Commitments): Buffer {
  const { id, name, actor, request_id, occurred_at } = event;
  const { subject_hash: _committed, ...data } = event.data;
  return leafHash(canonicalJson({ tenant_id: tenantId, id, name, data, actor, request_id, occurred_at, commitments }));
}

/** What an event says for itself, before it is held against the chain. */
export const examined = (tenantId: string, event: ShownEvent, commitments: Commitments, salts: Salts) => ({
  leaf: leafOf(tenantId, event, commitments),
  at: Math.min(timeOfId(event.id), Date.parse(event.occurred_at)),
  wrong: notAsCommitted(event, commitments, salts),
  isErased: Object.keys(commitments).length > Object.keys(salts).length,
});

/** @returns what is not as it was committed to: another value, one more, or one that went without its salt. */
function notAsCommitted(event: ShownEvent, commitments: Commitments, salts: Salts): Personal[] {
  return PERSONAL.filter((name) => {
    const [value, committed, salt] = [personal(event, name), commitments[name], salts[name]];
    if (value === null) return salt !== undefined;
    if (committed === undefined || salt === undefined) return true;
    const [made, kept] = [commitment(salt, value), Buffer.from(committed, 'base64url')];
    return made.length !== kept.length || !timingSafeEqual(made, kept);
  });
}

const personal = (event: ShownEvent, name: Personal): string | null => {
  const value = name === 'subject_hash' ? event.data.subject_hash : event[name];
  return value === null || value === undefined ? null : String(value);
};

const commitment = (salt: string, value: string): Buffer =>
  createHmac('sha256', Buffer.from(salt, 'base64url')).update(value).digest();
