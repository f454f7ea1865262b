// Which deliveries are due, taken for a while by whoever sends them: should they die, the next one takes them then. One statement.
import type { Database } from '../../platform/database.js';
import { FAILURES_UNTIL_PAUSE } from './webhook-retries.js';

/** At once to one destination, of each process that sends. */
export const MOST_TO_ONE = 5;

/** Longer than any attempt takes. */
const LEASE_MS = 60_000;

/** What was taken: `attempt` says which one this is, and that it is still ours when it is done. */
export interface Claimed {
  tenant_id: string;
  endpoint_id: string;
  event_id: string;
  attempt: number;
  origin: string;
  created_at: Date;
}

/** What this process is sending. */
export interface UnderWay {
  /** Origin → how many. */
  origins: ReadonlyMap<string, number>;
  endpoints: readonly string[];
}

/**
 * The oldest of each endpoint, so that one with a long queue keeps nobody waiting, and those that answer before those that do not. One that has failed often gets one at a time; of tenants and
 * organizations that are suspended nothing is sent.
 */
export function claimDue(db: Database, now: Date, room: number, { origins, endpoints }: UnderWay): Promise<Claimed[]> {
  return db.execute<Claimed>(CLAIM, [
    now,
    new Date(now.getTime() + LEASE_MS),
    room,
    MOST_TO_ONE,
    FAILURES_UNTIL_PAUSE,
    JSON.stringify(Object.fromEntries(origins)),
    endpoints,
  ]);
}

const CLAIM = {
  name: 'webhooks_claim',
  text: `
    WITH due AS (
      SELECT q.tenant_id, q.endpoint_id, q.event_id, q.next_at, w.failures > 0 AS failing, substring(w.url FROM '^[a-z]+://[^/?#]+') AS origin
        FROM webhook_endpoints w
        JOIN tenants t ON t.id = w.tenant_id AND t.suspended_at IS NULL AND t.deleting_at IS NULL
        LEFT JOIN organizations o ON o.tenant_id = w.tenant_id AND o.id = w.organization_id
       CROSS JOIN LATERAL (
         SELECT d.tenant_id, d.endpoint_id, d.event_id, d.next_at FROM webhook_deliveries d
          WHERE d.tenant_id = w.tenant_id AND d.endpoint_id = w.id AND d.status = 'queued' AND d.next_at <= $1::timestamptz
          ORDER BY d.next_at LIMIT CASE WHEN w.failures < $5::int THEN $4::int ELSE 1 END
            FOR UPDATE SKIP LOCKED
       ) q
       WHERE w.enabled_at IS NOT NULL AND o.suspended_at IS NULL
         AND (w.resume_at IS NULL OR w.resume_at <= $1::timestamptz)
         AND (w.failures < $5::int OR w.id <> ALL ($7::uuid[]))
    ), ranked AS (
      SELECT due.*, row_number() OVER (PARTITION BY origin ORDER BY next_at) AS place FROM due
    ), taken AS (
      SELECT r.* FROM ranked r LEFT JOIN jsonb_each_text($6::jsonb) AS b (origin, count) ON b.origin = r.origin
       WHERE r.place <= $4::int - COALESCE(b.count::int, 0)
       ORDER BY r.failing, r.next_at LIMIT $3
    )
    UPDATE webhook_deliveries d SET attempts = d.attempts + 1, next_at = $2::timestamptz
      FROM taken WHERE d.tenant_id = taken.tenant_id AND d.endpoint_id = taken.endpoint_id AND d.event_id = taken.event_id
    RETURNING d.tenant_id, d.endpoint_id, d.event_id, d.attempts AS attempt, taken.origin, d.created_at`,
};
