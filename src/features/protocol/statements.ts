// The statements of the hot path: tokens and sessions; those of grants are in grant-statements.ts. Named, so that Postgres plans each once per
// connection; tenant_id is always $1.
import type { Statement } from '../../platform/database.js';
import { API_DOCS_CLIENT } from '../clients/built-in-clients.js';

export const statement = (name: string, text: string): Statement => ({ name, text });

/**
 * One token, code or request, with the grant, session and account it stands on. Rows of a disabled client or account are not found, nor tokens that a
 * client has of its own for an organization that is suspended or gone. One client that gets tokens has no row.
 */
export const findRow = statement(
  'protocol_find_row',
  `SELECT r.handle_hash, r.kind, r.payload, r.sealed_payload, r.consumed_at, r.sealed_answer, r.answer_until, r.grant_id, r.session_uid, r.account_id,
          g.payload AS grant_payload, g.expires_at AS grant_expires_at, g.organization_id AS grant_organization_id,
          s.payload AS session_payload, s.expires_at AS session_expires_at,
          CASE WHEN u.id IS NULL THEN NULL ELSE jsonb_build_object(
            'id', u.id, 'email', u.email, 'email_verified', u.email_verified, 'claims', u.claims, 'updated_at', u.updated_at) END AS account
     FROM engine_rows r
     LEFT JOIN clients c ON c.tenant_id = r.tenant_id AND c.client_id = r.client_id AND c.disabled_at IS NULL
     LEFT JOIN grants g ON g.tenant_id = r.tenant_id AND g.id = r.grant_id AND g.ended_at IS NULL
     LEFT JOIN sessions s ON s.tenant_id = r.tenant_id AND s.uid = r.session_uid AND s.ended_at IS NULL AND s.expires_at > $3
     LEFT JOIN users u ON u.tenant_id = r.tenant_id AND u.id = r.account_id AND u.disabled_at IS NULL AND u.deletion_at IS NULL
    WHERE r.tenant_id = $1 AND r.handle_hash = ANY($2::bytea[]) AND (r.retain_until IS NULL OR r.retain_until > $3)
      AND (r.client_id IS NULL OR c.client_id IS NOT NULL OR r.client_id = '${API_DOCS_CLIENT}')
      AND (r.account_id IS NULL OR u.id IS NOT NULL)
      AND (r.kind <> 'ClientCredentials' OR r.payload -> 'extra' ->> 'org_id' IS NULL OR EXISTS (
             SELECT 1 FROM organizations o
              WHERE o.tenant_id = r.tenant_id AND o.id = (r.payload -> 'extra' ->> 'org_id')::uuid AND o.suspended_at IS NULL))`,
);

const rowColumns =
  'tenant_id, handle_hash, kind, client_id, account_id, grant_id, session_uid, payload, sealed_payload, user_code_hash, expires_at, retain_until';

export const saveRow = statement(
  'protocol_save_row',
  `INSERT INTO engine_rows (${rowColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
   ON CONFLICT (tenant_id, handle_hash) DO UPDATE SET
     payload = excluded.payload, sealed_payload = excluded.sealed_payload, grant_id = excluded.grant_id,
     account_id = excluded.account_id, session_uid = excluded.session_uid, expires_at = excluded.expires_at,
     retain_until = excluded.retain_until`,
);

const insertRows = (condition: string) => `
  INSERT INTO engine_rows (${rowColumns})
  SELECT $1, decode(n.handle_hash, 'hex'), n.kind, n.client_id, n.account_id, n.grant_id, n.session_uid, n.payload, n.sealed_payload,
         decode(n.user_code_hash, 'hex'), n.expires_at, n.retain_until
    FROM jsonb_to_recordset($2::jsonb) AS n (handle_hash text, kind text, client_id text, account_id uuid, grant_id text,
         session_uid text, payload jsonb, sealed_payload text, user_code_hash text, expires_at timestamptz, retain_until timestamptz)
   ${condition}`;

export const insertNewRows = statement('protocol_insert_rows', insertRows(''));

/** Spends a code or refresh token and writes what it was exchanged for, or does neither (RFC 6749 §4.1.2, RFC 9700 §4.14.2). */
export const exchangeRow = statement(
  'protocol_exchange_row',
  `WITH consumed AS (
     UPDATE engine_rows SET consumed_at = $4, sealed_answer = $5, answer_until = $6
      WHERE tenant_id = $1 AND handle_hash = $3 AND consumed_at IS NULL RETURNING 1
   ), written AS (${insertRows('WHERE EXISTS (SELECT 1 FROM consumed)')})
   SELECT count(*)::int AS consumed FROM consumed`,
);

export const consumeRow = statement(
  'protocol_consume_row',
  `UPDATE engine_rows SET consumed_at = $3 WHERE tenant_id = $1 AND handle_hash = $2 AND consumed_at IS NULL RETURNING 1`,
);

export const readAnswer = statement(
  'protocol_read_answer',
  'SELECT sealed_answer FROM engine_rows WHERE tenant_id = $1 AND handle_hash = $2 AND answer_until > $3',
);

export const deleteRow = statement(
  'protocol_delete_row',
  'DELETE FROM engine_rows WHERE tenant_id = $1 AND handle_hash = $2',
);

export const insertReplay = statement(
  'protocol_insert_replay',
  'INSERT INTO replays (tenant_id, id, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1',
);

export const findReplay = statement('protocol_find_replay', 'SELECT 1 FROM replays WHERE tenant_id = $1 AND id = $2');

export const findSession = statement(
  'protocol_find_session',
  `SELECT s.uid, s.payload, s.expires_at, s.proofs, h.retire_at IS NOT NULL AS retiring, s.home_ip, s.home_user_agent,
          ARRAY(SELECT encode(o.handle_hash, 'hex') FROM session_handles o
                 WHERE o.tenant_id = s.tenant_id AND o.session_uid = s.uid AND (o.retire_at IS NULL OR o.retire_at > $3)) AS handles,
          CASE WHEN u.id IS NULL THEN NULL ELSE jsonb_build_object(
            'id', u.id, 'email', u.email, 'email_verified', u.email_verified, 'claims', u.claims, 'updated_at', u.updated_at) END AS account
     FROM session_handles h
     JOIN sessions s ON s.tenant_id = h.tenant_id AND s.uid = h.session_uid
     LEFT JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.account_id AND u.disabled_at IS NULL AND u.deletion_at IS NULL
    WHERE h.tenant_id = $1 AND h.handle_hash = $2 AND (h.retire_at IS NULL OR h.retire_at > $3)
      AND s.ended_at IS NULL AND s.expires_at > $3 AND (s.account_id IS NULL OR u.id IS NOT NULL)`,
);

export const findSessionByUid = statement(
  'protocol_find_session_by_uid',
  `SELECT s.uid, s.payload, s.expires_at, s.proofs, s.home_ip, s.home_user_agent FROM sessions s
     LEFT JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.account_id AND u.disabled_at IS NULL AND u.deletion_at IS NULL
    WHERE s.tenant_id = $1 AND s.uid = $2 AND s.ended_at IS NULL AND s.expires_at > $3
      AND (s.account_id IS NULL OR u.id IS NOT NULL)`,
);

/**
 * Saves a session: never one that has ended, and never over what another tab has added meanwhile. Authorizations are merged per client, the
 * login of the newer authentication stays. A new handle is added and the old ones retire ($12 when, $13 which). A login that was proved before the
 * password was changed begins no session any more, wherever in between the browser had waited; $16 tells the two within one second. Where somebody
 * proved who they are ($15), the session is at home from then on. What was proved for another session ($17) begins none once that one has ended:
 * whoever ends it waits for this, or is waited for. What was proved ($18) is added to what the session stands on: two tabs lose nothing to each
 * other; of many the newest of each kind stay, and what the last sign-in began with. Where it was shown from elsewhere ($19), what was proved at home stays behind.
 */
export const saveSession = statement(
  'protocol_save_session',
  `WITH person AS (
     SELECT proofs_from FROM users
      WHERE tenant_id = $1 AND id = $3
        AND NOT EXISTS (SELECT 1 FROM sessions o WHERE o.tenant_id = $1 AND o.uid = $2 AND o.login_ts = $4)
        FOR SHARE
   ), stood AS (
     -- After the person, as everybody holds them.
     SELECT 1 FROM sessions
      WHERE tenant_id = $1 AND uid = $17 AND uid <> $2 AND ended_at IS NULL AND (SELECT count(*) FROM person) >= 0 FOR SHARE
   ), saved AS (
     INSERT INTO sessions AS s (tenant_id, uid, account_id, login_ts, payload, ip, user_agent, created_at, updated_at, expires_at, home_ip, home_user_agent, proofs)
     SELECT $1::uuid, $2::text, $3::uuid, $4::bigint, $5::jsonb, $6::text, $7::text, $8::timestamptz, $8::timestamptz, $9::timestamptz, $15::text,
            CASE WHEN $15 IS NOT NULL THEN $7::text END, $18::jsonb
      WHERE ($17::text IS NULL OR $17 = $2 OR EXISTS (SELECT 1 FROM stood))
        AND (NOT EXISTS (SELECT 1 FROM password_credentials p
                         WHERE p.tenant_id = $1 AND p.user_id = $3
                           AND COALESCE(p.changed_at > $16::timestamptz, date_trunc('second', p.changed_at) > to_timestamp($4::bigint)))
        AND NOT EXISTS (SELECT 1 FROM person
                         WHERE COALESCE(proofs_from > $16::timestamptz, date_trunc('second', proofs_from) > to_timestamp($4::bigint)))
         OR EXISTS (SELECT 1 FROM sessions o WHERE o.tenant_id = $1 AND o.uid = $2 AND o.login_ts = $4))
     ON CONFLICT (tenant_id, uid) DO UPDATE SET
       account_id = COALESCE(excluded.account_id, s.account_id),
       login_ts   = GREATEST(s.login_ts, excluded.login_ts),
       payload    = (CASE WHEN COALESCE(excluded.login_ts, 0) >= COALESCE(s.login_ts, 0) THEN excluded.payload ELSE s.payload END - 'state')
         || jsonb_strip_nulls(jsonb_build_object('state',
              CASE WHEN $10 THEN NULL ELSE COALESCE(excluded.payload -> 'state', s.payload -> 'state') END))
         || jsonb_build_object('authorizations', (
              SELECT COALESCE(jsonb_object_agg(client,
                       COALESCE(old.entry, '{}') || COALESCE(new.entry, '{}')
                       || CASE WHEN old.entry ? 'sid' THEN jsonb_build_object('sid', old.entry -> 'sid') ELSE '{}' END), '{}')
                FROM jsonb_each(s.payload -> 'authorizations') AS old (client, entry)
                FULL JOIN jsonb_each(excluded.payload -> 'authorizations') AS new (client, entry) USING (client)
               WHERE client <> ALL ($11::text[]))),
       ip = excluded.ip, user_agent = excluded.user_agent, updated_at = excluded.updated_at,
       home_ip = COALESCE(excluded.home_ip, s.home_ip),
       home_user_agent = CASE WHEN excluded.home_ip IS NULL THEN s.home_user_agent ELSE excluded.home_user_agent END,
       moved_to = CASE WHEN excluded.home_ip IS NULL THEN s.moved_to END,
       proofs = CASE WHEN excluded.proofs IS NULL THEN s.proofs WHEN $19 THEN excluded.proofs ELSE (
         SELECT jsonb_agg(proof ORDER BY proved DESC)
           FROM (SELECT proof, proved
                   FROM (SELECT proof, (proof -> 'at')::bigint AS proved,
                                row_number() OVER (PARTITION BY proof - 'at' - 'received' ORDER BY (proof -> 'at')::bigint DESC) AS place
                           FROM jsonb_array_elements(COALESCE(s.proofs, '[]') || excluded.proofs) AS every (proof) GROUP BY proof) AS each_once
                  ORDER BY proved = GREATEST(s.login_ts, excluded.login_ts) DESC, place, proved DESC LIMIT 32) AS kept) END,
       expires_at = GREATEST(s.expires_at, excluded.expires_at)
     WHERE s.ended_at IS NULL AND (s.account_id IS NULL OR s.account_id = excluded.account_id)
     RETURNING s.uid
   ), handle AS (
     INSERT INTO session_handles AS h (tenant_id, handle_hash, session_uid) SELECT $1, $14, uid FROM saved
     ON CONFLICT (tenant_id, handle_hash) DO UPDATE SET retire_at = CASE WHEN h.retire_at > $8 THEN NULL ELSE h.retire_at END
     RETURNING h.retire_at
   ), retired AS (
     UPDATE session_handles h SET retire_at = LEAST(COALESCE(h.retire_at, 'infinity'), $12)
       FROM saved WHERE h.tenant_id = $1 AND h.session_uid = saved.uid AND h.handle_hash = ANY ($13::bytea[])
   )
   SELECT saved.uid, handle.retire_at IS NOT NULL AS handle_retired FROM saved, handle`,
);

/** Whoever is about to begin a session (`person` above) waits for this, or is waited for: no session is made behind the back of the end. */
export const endProofs = statement(
  'protocol_end_proofs',
  'UPDATE users SET proofs_from = $3 WHERE tenant_id = $1 AND id = $2',
);

export const endProofsOfMany = statement(
  'protocol_end_proofs_of_many',
  'UPDATE users SET proofs_from = $3 WHERE tenant_id = $1 AND id = ANY ($2::uuid[])',
);

export const touchSession = statement(
  'protocol_touch_session',
  `UPDATE sessions SET updated_at = $3, ip = $4, user_agent = $5
    WHERE tenant_id = $1 AND uid = $2 AND ended_at IS NULL AND updated_at < $6::timestamptz`,
);

export const endSessions = statement(
  'protocol_end_sessions',
  `UPDATE sessions SET ended_at = $3, end_reason = $4 WHERE tenant_id = $1 AND uid = ANY ($2::text[]) AND ended_at IS NULL
   RETURNING uid, account_id, payload -> 'authorizations' AS authorizations`,
);
