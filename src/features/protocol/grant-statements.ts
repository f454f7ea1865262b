// The statements of grants: named, so that Postgres plans each once per connection; tenant_id is always $1.
import { statement } from './statements.js';

export const findGrant = statement(
  'protocol_find_grant',
  'SELECT id, payload, expires_at, organization_id FROM grants WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL',
);

/**
 * The session's grant at a client, for one organization ($8) or for none; where it has none yet, a copy of what the person agreed to before (signing
 * out forgets no consent). What was agreed to before something was revoked is forgotten, in every session; what was given without a session is no
 * consent to be remembered. A session that is ending right now is waited for, and gets none; of two tabs that copy at once the second gets the copy
 * of the first. Where what was proved for the organization stops counting ($9), the grant lasts until then: what was proved anew prolongs it, also to
 * where nothing bounds it any more.
 */
export const grantOfSession = statement(
  'protocol_grant_of_session',
  `WITH live AS (
     SELECT id, payload, expires_at, organization_id,
            $9 AND expires_at <> $7 OR organization_id IS NOT NULL AND expires_at < $7::timestamptz - interval '1 day' AS is_bounded FROM grants
      WHERE tenant_id = $1 AND session_uid = $2 AND client_id = $3 AND account_id = $4 AND organization_id IS NOT DISTINCT FROM $8
        AND ended_at IS NULL AND expires_at > $5
   ), bounded AS (
     UPDATE grants SET expires_at = $7 WHERE tenant_id = $1 AND id IN (SELECT id FROM live WHERE is_bounded) AND ended_at IS NULL
   ), remembered AS (
     SELECT g.payload FROM grants g
      WHERE g.tenant_id = $1 AND g.account_id = $4 AND g.client_id = $3 AND g.organization_id IS NOT DISTINCT FROM $8
        AND (g.expires_at > $5 OR g.organization_id IS NOT NULL)
        AND g.origin = 'consent' AND (g.ended_at IS NULL OR g.end_reason = 'logout') AND NOT EXISTS (SELECT 1 FROM live)
        AND NOT EXISTS (SELECT 1 FROM grants r
                         WHERE r.tenant_id = $1 AND r.account_id = $4 AND r.client_id = $3 AND r.origin = 'consent'
                           AND r.organization_id IS NOT DISTINCT FROM $8 AND r.end_reason <> 'logout' AND r.ended_at >= g.created_at)
      ORDER BY g.created_at DESC LIMIT 1
   ), session AS (
     SELECT ended_at FROM sessions WHERE tenant_id = $1 AND uid = $2 AND EXISTS (SELECT 1 FROM remembered) FOR SHARE
   ), inherited AS (
     INSERT INTO grants AS g (tenant_id, id, client_id, account_id, session_uid, payload, created_at, expires_at, organization_id)
     SELECT $1, $6, $3, $4, $2, payload, $5, $7, $8 FROM remembered
      WHERE NOT EXISTS (SELECT 1 FROM session WHERE ended_at IS NOT NULL)
     ON CONFLICT (tenant_id, session_uid, client_id, organization_id) WHERE ended_at IS NULL AND session_uid IS NOT NULL
       DO UPDATE SET expires_at = CASE WHEN g.organization_id IS NULL THEN g.expires_at ELSE excluded.expires_at END
     RETURNING id, payload, expires_at, organization_id
   )
   SELECT id, payload, CASE WHEN is_bounded THEN $7 ELSE expires_at END AS expires_at, organization_id FROM live
   UNION ALL SELECT id, payload, expires_at, organization_id FROM inherited`,
);

/** As it is remembered above; $4 null: for any organization. */
export const agreedForOrganization = statement(
  'protocol_agreed_for_organization',
  `SELECT 1 FROM grants g
    WHERE g.tenant_id = $1 AND g.account_id = $2 AND g.client_id = $3 AND g.organization_id IS NOT NULL
      AND ($4::uuid IS NULL OR g.organization_id = $4) AND g.origin = 'consent' AND (g.ended_at IS NULL OR g.end_reason = 'logout')
      AND NOT EXISTS (SELECT 1 FROM grants r
                       WHERE r.tenant_id = $1 AND r.account_id = $2 AND r.client_id = $3 AND r.origin = 'consent'
                         AND r.organization_id = g.organization_id AND r.end_reason <> 'logout' AND r.ended_at >= g.created_at)
    LIMIT 1`,
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

/** Likewise one that a token stands on: it is stored, has not ended, and has not run out either. */
export const holdLiveSession = statement(
  'protocol_hold_live_session',
  'SELECT expires_at FROM sessions WHERE tenant_id = $1 AND uid = $2 AND ended_at IS NULL AND expires_at > $3 FOR SHARE',
);

/** Keeps an account from ending until the surrounding transaction has committed. Finds none where it has ended. */
export const holdAccount = statement(
  'protocol_hold_account',
  'SELECT 1 FROM users WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL AND deletion_at IS NULL FOR SHARE',
);

/** Keeps a client from being disabled, likewise: whoever does so holds its row, and ends its grants before letting go. */
export const holdClient = statement(
  'protocol_hold_client',
  'SELECT 1 FROM clients WHERE tenant_id = $1 AND client_id = $2 AND disabled_at IS NULL FOR KEY SHARE',
);

/** Keeps a grant from ending, likewise; `level` counts it and those it stands on, by the longest way down. */
export const holdGrant = statement(
  'protocol_hold_grant',
  `SELECT g.expires_at,
          (WITH RECURSIVE down (id, level) AS (
             SELECT g.id, 1
             UNION ALL
             SELECT below.id, down.level + 1 FROM down JOIN grants p ON p.tenant_id = $1 AND p.id = down.id
              CROSS JOIN LATERAL (VALUES (p.parent_id), (p.acting_grant_id)) AS below (id) WHERE below.id IS NOT NULL
           ) SELECT max(level) FROM down) AS level
     FROM grants g
    WHERE g.tenant_id = $1 AND g.id = $2 AND g.ended_at IS NULL AND g.expires_at > $3 FOR SHARE`,
);

export const insertApart = statement(
  'protocol_insert_apart',
  `INSERT INTO grants (tenant_id, id, client_id, account_id, payload, created_at, expires_at, origin, parent_id, stands_on, acting_grant_id, acting_session_uid, organization_id)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
           COALESCE($13, (SELECT organization_id FROM grants WHERE tenant_id = $1 AND id = $9)))
   RETURNING id, payload, expires_at, organization_id`,
);

/** How a grant says which session it stands on without being of it. */
export const onSession = (uid: string): string => `session:${uid}`;

/**
 * All of them but those that outlive it: one given a moment ago may not be in the session yet. What was given to others for a token that ends with
 * the session never outlives it, nor what was given to somebody for a person who acts in it.
 */
export const endGrantsOfSessions = statement(
  'protocol_end_grants_of_sessions',
  `WITH own AS (
     UPDATE grants g SET ended_at = $5, end_reason = $6
      WHERE g.tenant_id = $1 AND g.session_uid = ANY ($2::text[]) AND g.ended_at IS NULL
        AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[]) AS outliving (uid, client_id)
                         WHERE outliving.uid = g.session_uid AND outliving.client_id = g.client_id)
     RETURNING g.id, g.client_id, g.account_id, g.origin
   ), standing AS (
     UPDATE grants g SET ended_at = $5, end_reason = $6
      WHERE g.tenant_id = $1 AND (g.stands_on = ANY ($7::text[]) OR g.acting_session_uid = ANY ($2::text[])) AND g.ended_at IS NULL
     RETURNING g.id, g.client_id, g.account_id, g.origin
   )
   SELECT id, client_id, account_id, origin FROM own UNION ALL SELECT id, client_id, account_id, origin FROM standing`,
);

export const onIssuer = (id: string): string => `issuer:${id}`;

export const endOnIssuer = statement(
  'protocol_end_on_issuer',
  `UPDATE grants SET ended_at = $4, end_reason = 'issuer_ended'
    WHERE tenant_id = $1 AND stands_on = $2 AND ($3::uuid IS NULL OR account_id = $3) AND ended_at IS NULL
   RETURNING id, client_id, account_id, origin`,
);

/** Also what somebody agreed to before they signed out, which would be remembered. */
export const endOfOrganization = statement(
  'protocol_end_of_organization',
  `UPDATE grants SET ended_at = COALESCE(ended_at, $4), end_reason = $5
    WHERE tenant_id = $1 AND organization_id = $2 AND ($3::uuid IS NULL OR account_id = $3)
      AND (ended_at IS NULL OR end_reason = 'logout' AND origin = 'consent')
   RETURNING id, client_id, account_id, origin`,
);

/** Who signs out of a client knows one of its grants in that session: the others are for organizations. */
export const endGrant = statement(
  'protocol_end_grant',
  `UPDATE grants g SET ended_at = $3, end_reason = $4
     FROM grants known
    WHERE known.tenant_id = $1 AND known.id = $2 AND g.tenant_id = $1 AND g.ended_at IS NULL
      AND (g.id = known.id OR $4 = 'logout' AND g.session_uid = known.session_uid AND g.client_id = known.client_id)
   RETURNING g.id, g.client_id, g.account_id, g.origin`,
);

/** What stands on grants that have ended, its own or those of who acts. */
export const endChildren = statement(
  'protocol_end_children',
  `UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant_id = $1 AND (parent_id = ANY ($2::text[]) OR acting_grant_id = ANY ($2::text[])) AND ended_at IS NULL
   RETURNING id, client_id, account_id, origin`,
);

/**
 * Who acts for somebody: for a person ($5), as an administrator ($6), either of whom has a role ($7); everybody where none is named ($8). The administrator
 * is whose grant it stands on.
 */
export const endImpersonations = statement(
  'protocol_end_impersonations',
  `UPDATE grants g SET ended_at = $3, end_reason = $4
    WHERE g.tenant_id = $1 AND g.origin = 'impersonation' AND g.ended_at IS NULL AND g.expires_at > $2
      AND ($8 OR g.account_id = $5
        OR EXISTS (SELECT FROM grants a WHERE a.tenant_id = $1 AND a.id = g.acting_grant_id AND a.account_id = $6)
        OR EXISTS (SELECT FROM role_assignments r
                    WHERE r.tenant_id = $1 AND r.role = $7 AND r.subject_type = 'user'
                      AND (r.subject_id = g.account_id::text OR r.subject_id = (
                            SELECT a.account_id::text FROM grants a WHERE a.tenant_id = $1 AND a.id = g.acting_grant_id))))
   RETURNING g.id, g.client_id, g.account_id, g.origin`,
);

/** Of this one as the administrator. */
export const isImpersonating = statement(
  'protocol_is_impersonating',
  `SELECT 1 FROM grants g JOIN grants a ON a.tenant_id = g.tenant_id AND a.id = g.acting_grant_id
    WHERE g.tenant_id = $1 AND g.origin = 'impersonation' AND g.ended_at IS NULL AND g.expires_at > $2 AND a.account_id = $3
    LIMIT 1`,
);

/** One that goes on. */
export const findImpersonation = statement(
  'protocol_find_impersonation',
  `SELECT 1 FROM grants
    WHERE tenant_id = $1 AND id = $2 AND account_id = $3 AND origin = 'impersonation' AND ended_at IS NULL AND expires_at > $4`,
);
