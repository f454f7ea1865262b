import type { Statement } from '../../platform/database.js';

/** Turns after which work that never comes further is given up. */
export const MOST_FRUITLESS = 5;

/** What is begun before what waits, and the oldest of that. Of two at once one waits for the row, and finds that it is taken. */
export const CLAIM: Statement = {
  name: 'jobs_claim',
  text: `
    UPDATE jobs SET status = 'running', turn = $3, due_at = $5::timestamptz, fruitless = fruitless + 1,
           started_at = COALESCE(started_at, $4::timestamptz), updated_at = $4::timestamptz,
           revision = revision + CASE WHEN status = 'queued' THEN 1 ELSE 0 END
     WHERE tenant_id = $1 AND status IN ('queued', 'running') AND (turn IS NULL OR due_at <= $4::timestamptz)
       AND id = (SELECT id FROM jobs WHERE tenant_id = $1 AND kind = $2 AND status IN ('queued', 'running')
                  ORDER BY status = 'running' DESC, id LIMIT 1)
    RETURNING id, fruitless`,
};

export const PASS: Statement = {
  name: 'jobs_pass',
  text: 'UPDATE jobs SET turn = NULL, due_at = $4::timestamptz WHERE tenant_id = $1 AND id = $2 AND turn = $3',
};

export const WAITING: Statement = {
  name: 'jobs_waiting',
  text: `SELECT 1 FROM jobs WHERE tenant_id = $1 AND kind = $2 AND status IN ('queued', 'running') LIMIT 1`,
};

/** Whoever had no turn for longest first: in that order they wait from now on. What is queued behind something that is begun has waited no longer than that. */
export const DUE: Statement = {
  name: 'jobs_due',
  text: `
    SELECT tenant_id, kind FROM jobs WHERE status IN ('queued', 'running') AND due_at <= $1::timestamptz
     GROUP BY tenant_id, kind ORDER BY COALESCE(min(due_at) FILTER (WHERE status = 'running'), min(due_at))`,
};

/** Of the current tenant, one after the other. */
export const LOCK: Statement = {
  name: 'jobs_lock',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('jobs ' || $1::text, 0))`,
};

export const KEPT: Statement = {
  name: 'jobs_kept',
  text: `
    SELECT (count(*) FILTER (WHERE status IN ('queued', 'running')))::int AS open, COALESCE(sum(bytes), 0)::float8 AS bytes
      FROM jobs WHERE tenant_id = $1`,
};
