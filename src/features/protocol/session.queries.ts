import { z } from 'zod';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, type PageRequest, toPage } from '../../platform/pagination.js';

export interface SessionRow {
  uid: string;
  account_id: string;
  ip: string | null;
  user_agent: string | null;
  amr: string[] | null;
  acr: string | null;
  clients: string[];
  created_at: Date;
  updated_at: Date;
  expires_at: Date;
  cursor: string;
}

export interface GrantRow {
  id: string;
  client_id: string;
  account_id: string;
  session_uid: string | null;
  openid_scope: string | null;
  resources: Record<string, string> | null;
  created_at: Date;
  expires_at: Date;
  cursor: string;
}

type ByAccount = PageRequest & { user_id?: string | undefined };

/** Live sessions in which somebody is signed in, newest first. The key of the list is the time and the uid. */
export async function listSessions(db: Database, query: ByAccount, now: Date): Promise<Page<SessionRow>> {
  const [time, uid] = keyOf(query);
  const rows = (await db.manager.query(
    `SELECT uid, account_id, ip, user_agent, payload -> 'amr' AS amr, payload ->> 'acr' AS acr,
            ARRAY(SELECT jsonb_object_keys(COALESCE(payload -> 'authorizations', '{}'))) AS clients,
            created_at, updated_at, expires_at, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '|' || uid AS cursor
       FROM sessions
      WHERE tenant_id = $1 AND account_id IS NOT NULL AND ended_at IS NULL AND expires_at > $2
        AND ($3::uuid IS NULL OR account_id = $3) AND ($4::timestamptz IS NULL OR (created_at, uid) < ($4, $5))
      ORDER BY created_at DESC, uid DESC LIMIT $6`,
    [currentTenantId(), now, query.user_id ?? null, time ?? null, uid ?? null, query.limit + 1],
  )) as SessionRow[];
  return toPage(rows, query, ({ cursor }) => cursor);
}

/** Live grants, newest first. */
export async function listGrants(
  db: Database,
  query: ByAccount & { client_id?: string | undefined },
  now: Date,
): Promise<Page<GrantRow>> {
  const [time, id] = keyOf(query);
  const rows = (await db.manager.query(
    `SELECT id, client_id, account_id, session_uid, payload -> 'openid' ->> 'scope' AS openid_scope, payload -> 'resources' AS resources,
            created_at, expires_at, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '|' || id AS cursor
       FROM grants
      WHERE tenant_id = $1 AND ended_at IS NULL AND expires_at > $2 AND ($3::uuid IS NULL OR account_id = $3)
        AND origin <> 'impersonation' AND ($4::text IS NULL OR client_id = $4) AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
      ORDER BY created_at DESC, id DESC LIMIT $7`,
    [currentTenantId(), now, query.user_id ?? null, query.client_id ?? null, time ?? null, id ?? null, query.limit + 1],
  )) as GrantRow[];
  return toPage(rows, query, ({ cursor }) => cursor);
}

const Key = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\|.{1,128}$/);
const keyOf = ({ cursor }: PageRequest) => decodeCursor(cursor, Key)?.split('|', 2) ?? [];
