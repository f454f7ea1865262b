// The statements of grants: named, so that Postgres plans each once per connection; tenant_id is always $1.
import { statement } from './statements.js';

export const findGrant = statement(
  'protocol_find_grant',
  'SELECT id, payload, expires_at FROM grants WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL',
);

/**
 * The session's grant at a client; where it has none yet, a copy of what the person agreed to before (signing out forgets no consent). What was
 * agreed to before something was revoked is forgotten, in every session; what was given without a session is no consent to be remembered. A
 * session that is ending right now is waited for, and gets none; of two tabs that copy at once the second gets the copy of the first.
 */
export const grantOfSession = statement(
  'protocol_grant_of_session',
  `WITH live AS (
     SELECT id, payload, expires_at FROM grants
      WHERE tenant_id = $1 AND session_uid = $2 AND client_id = $3 AND account_id = $4 AND ended_at IS NULL AND expires_at > $5
   ), remembered AS (
     SELECT g.payload FROM grants g
      WHERE g.tenant_id = $1 AND g.account_id = $4 AND g.client_id = $3 AND g.expires_at > $5
        AND g.origin = 'consent' AND (g.ended_at IS NULL OR g.end_reason = 'logout') AND NOT EXISTS (SELECT 1 FROM live)
        AND NOT EXISTS (SELECT 1 FROM grants r
                         WHERE r.tenant_id = $1 AND r.account_id = $4 AND r.client_id = $3 AND r.origin = 'consent'
                           AND r.end_reason <> 'logout' AND r.ended_at >= g.created_at)
      ORDER BY g.created_at DESC LIMIT 1
   ), session AS (
     SELECT ended_at FROM sessions WHERE tenant_id = $1 AND uid = $2 AND EXISTS (SELECT 1 FROM remembered) FOR SHARE
   ), inherited AS (
     INSERT INTO grants AS g (tenant_id, id, client_id, account_id, session_uid, payload, created_at, expires_at)
     SELECT $1, $6, $3, $4, $2, payload, $5, $7 FROM remembered
      WHERE NOT EXISTS (SELECT 1 FROM session WHERE ended_at IS NOT NULL)
     ON CONFLICT (tenant_id, session_uid, client_id) WHERE ended_at IS NULL AND session_uid IS NOT NULL
       DO UPDATE SET expires_at = g.expires_at
     RETURNING id, payload, expires_at
   )
   SELECT id, payload, expires_at FROM live UNION ALL SELECT id, payload, expires_at FROM inherited`,
);

/** Until the end of the transaction nobody else gives a grant in this session to this client. */
export const lockGrant = statement(
  'protocol_lock_grant',
  `SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'grant', $1::text, $2::text, $3::text), 0))`,
);

/** Keeps a session from ending until the surrounding transaction has committed. Finds none for a session that is not stored yet. */
export const holdSession = statement(
  'protocol_hold_session',
  'SELECT ended_at FROM sessions WHERE tenant_id = $1 AND uid = $2 FOR SHARE',
);

/** Keeps an account from ending until the surrounding transaction has committed. Finds none where it has ended. */
export const holdAccount = statement(
  'protocol_hold_account',
  'SELECT 1 FROM users WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL AND deletion_at IS NULL FOR SHARE',
);

/** Keeps a grant from ending, likewise; `level` counts it and those it stands on. */
export const holdGrant = statement(
  'protocol_hold_grant',
  `SELECT g.expires_at,
          (WITH RECURSIVE up (parent_id) AS (
             SELECT g.parent_id UNION ALL SELECT p.parent_id FROM grants p JOIN up ON p.tenant_id = $1 AND p.id = up.parent_id
           ) SELECT count(*)::int FROM up) AS level
     FROM grants g
    WHERE g.tenant_id = $1 AND g.id = $2 AND g.ended_at IS NULL AND g.expires_at > $3 FOR SHARE`,
);

export const insertApart = statement(
  'protocol_insert_apart',
  `INSERT INTO grants (tenant_id, id, client_id, account_id, payload, created_at, expires_at, origin, parent_id)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id, payload, expires_at`,
);

/** All of them but those that outlive it: one given a moment ago may not be in the session yet. */
export const endGrantsOfSession = statement(
  'protocol_end_grants_of_session',
  `UPDATE grants SET ended_at = $4, end_reason = $5
    WHERE tenant_id = $1 AND session_uid = $2 AND client_id <> ALL ($3::text[]) AND ended_at IS NULL RETURNING id, client_id, account_id`,
);

/** As endGrantsOfSession, of many. */
export const endGrantsOfSessions = statement(
  'protocol_end_grants_of_sessions',
  `UPDATE grants g SET ended_at = $5, end_reason = $6
    WHERE g.tenant_id = $1 AND g.session_uid = ANY ($2::text[]) AND g.ended_at IS NULL
      AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[]) AS outliving (uid, client_id)
                       WHERE outliving.uid = g.session_uid AND outliving.client_id = g.client_id)
   RETURNING g.id, g.client_id, g.account_id`,
);

export const endGrant = statement(
  'protocol_end_grant',
  `UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL
   RETURNING id, client_id, account_id`,
);

/** What stands on grants that have ended. */
export const endChildren = statement(
  'protocol_end_children',
  `UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant_id = $1 AND parent_id = ANY ($2::text[]) AND ended_at IS NULL
   RETURNING id, client_id, account_id`,
);
