// Which deliveries are due, taken for a while by whoever sends them: should they die, the next one takes them then. One statement.
import type { Database } from '../../platform/database.js';
import { FAILURES_UNTIL_PAUSE } from './webhook-retries.js';

/** At once to one destination, of each process that sends. */
export const MOST_TO_ONE = 5;

/** At once for one organization, or for the tenant itself; and for a tenant with all of its organizations. Others find a place, however slow these are. */
export const MOST_FOR_ONE = { owner: 15, tenant: 25 };

/** Longer than any attempt takes. */
const LEASE_MS = 60_000;

/** What was taken: `attempt` says which one this is, and that it is still ours when it is done. */
export interface Claimed {
  tenant_id: string;
  endpoint_id: string;
  event_id: string;
  attempt: number;
  origin: string;
  /** The organization, or the tenant. */
  owner: string;
  created_at: Date;
}

/**
 * The oldest of each endpoint, so that one with a long queue keeps nobody waiting; those that answer before those that do not; and of each tenant as many as of
 * the others, so that neither a long queue nor a slow receiver of one is felt by another. One that has failed often gets one at a time; of tenants and
 * organizations that are suspended nothing is sent.
 * @param underWay what this process is sending.
 */
export function claimDue(db: Database, now: Date, room: number, underWay: Iterable<Claimed>): Promise<Claimed[]> {
  const inHand = [...underWay];
  const counts = (of: (one: Claimed) => string) => {
    const found = new Map<string, number>();
    for (const one of inHand) found.set(of(one), (found.get(of(one)) ?? 0) + 1);
    return JSON.stringify(Object.fromEntries(found));
  };
  return db.execute<Claimed>(CLAIM, [
    now,
    new Date(now.getTime() + LEASE_MS),
    room,
    MOST_TO_ONE,
    FAILURES_UNTIL_PAUSE,
    counts(({ origin }) => origin),
    inHand.map(({ endpoint_id }) => endpoint_id),
    counts(({ owner }) => owner),
    counts(({ tenant_id }) => tenant_id),
    MOST_FOR_ONE.owner,
    MOST_FOR_ONE.tenant,
  ]);
}

// A destination is the same however its host is written. Only what is taken is locked; what another process took meanwhile is not due any more.
const CLAIM = {
  name: 'webhooks_claim',
  text: `
    WITH due AS (
      SELECT q.tenant_id, q.endpoint_id, q.event_id, q.next_at, w.failures > 0 AS failing, COALESCE(w.organization_id, w.tenant_id)::text AS owner,
             regexp_replace(lower(substring(w.url FROM '^[A-Za-z]+://[^/?#]+')), '[.]?(:443)?$', '') AS origin
        FROM webhook_endpoints w
        JOIN tenants t ON t.id = w.tenant_id AND t.suspended_at IS NULL AND t.deleting_at IS NULL
        LEFT JOIN organizations o ON o.tenant_id = w.tenant_id AND o.id = w.organization_id
       CROSS JOIN LATERAL (
         SELECT d.tenant_id, d.endpoint_id, d.event_id, d.next_at FROM webhook_deliveries d
          WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id AND d.status = 'queued' AND d.next_at <= $1::timestamptz
          ORDER BY d.next_at LIMIT CASE WHEN w.failures < $5::int THEN $4::int ELSE 1 END
       ) q
       WHERE w.enabled_at IS NOT NULL AND o.suspended_at IS NULL
         AND (w.resume_at IS NULL OR w.resume_at <= $1::timestamptz)
         AND (w.failures < $5::int OR w.id <> ALL ($7::uuid[]))
    ), to_one AS (
      SELECT due.*, row_number() OVER (PARTITION BY origin ORDER BY next_at) + COALESCE(($6::jsonb ->> origin)::int, 0) AS to_origin FROM due
    ), for_owner AS (
      SELECT *, row_number() OVER (PARTITION BY tenant_id, owner ORDER BY failing, next_at) + COALESCE(($8::jsonb ->> owner)::int, 0) AS of_owner
        FROM to_one WHERE to_origin <= $4::int
    ), for_tenant AS (
      SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY of_owner, failing, next_at)
                + COALESCE(($9::jsonb ->> tenant_id::text)::int, 0) AS of_tenant
        FROM for_owner WHERE of_owner <= $10::int
    ), chosen AS (
      SELECT * FROM for_tenant WHERE of_tenant <= $11::int ORDER BY of_tenant, failing, next_at LIMIT $3
    ), taken AS (
      SELECT d.tenant_id, d.endpoint_id, d.event_id, c.origin, c.owner
        FROM chosen c JOIN webhook_deliveries d ON d.tenant_id = c.tenant_id AND d.endpoint_id = c.endpoint_id AND d.event_id = c.event_id
       WHERE d.status = 'queued' AND d.next_at <= $1::timestamptz
         FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE webhook_deliveries d SET attempts = d.attempts + 1, next_at = $2::timestamptz
      FROM taken WHERE d.tenant_id = taken.tenant_id AND d.endpoint_id = taken.endpoint_id AND d.event_id = taken.event_id
    RETURNING d.tenant_id, d.endpoint_id, d.event_id, d.attempts AS attempt, taken.origin, taken.owner, d.created_at`,
};
