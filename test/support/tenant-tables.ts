// Every table in which a tenant has rows, found in the catalogue: something in each, and what is left of it.
import type { Database } from '../../src/platform/database.js';

export async function tenantTables(db: Database): Promise<string[]> {
  const rows = (await db.manager.query(
    `SELECT DISTINCT table_name FROM information_schema.columns
      WHERE column_name = 'tenant_id' AND table_schema = current_schema()`,
  )) as { table_name: string }[];
  return rows.map(({ table_name }) => table_name);
}

/** @returns how many rows, of the tables that have any. */
export async function rowsOfTenant(db: Database, tenantId: string): Promise<Record<string, number>> {
  const counts = await Promise.all(
    (await tenantTables(db)).map(async (table) => {
      const [row] = (await db.manager.query(`SELECT count(*)::int AS n FROM ${table} WHERE tenant_id = $1`, [
        tenantId,
      ])) as [{ n: number }];
      return [table, row.n] as const;
    }),
  );
  return Object.fromEntries(counts.filter(([, n]) => n > 0));
}

/** Every table has something to lose: what a house that was furnished (tenancy.ts) has not come by is planted. */
export async function fillEveryTable(db: Database, tenantId: string): Promise<void> {
  await db.manager.query(`INSERT INTO denied_tokens VALUES ($1, 'jti', now())`, [tenantId]);
  await db.manager.query(
    `INSERT INTO audit_events (tenant_id, id, name, data, occurred_at) VALUES ($1, gen_random_uuid(), 'tenant.updated', '{}', now())`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO traces (tenant_id, id, endpoint, error, steps, occurred_at) VALUES ($1, 'x', 'token', 'x', '[]', now())`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO login_failures (tenant_id, subject_hash, factor, failed_count, last_failed_at) VALUES ($1, 'x', 'password', 1, now())`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO lockouts (tenant_id, id, subject_hash, factor, cause, locked_at, locked_until)
     VALUES ($1, gen_random_uuid(), 'x', 'password', 'wrong_password', now(), now())`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO api_key_usage SELECT tenant_id, id, now(), 1 FROM api_keys WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(`INSERT INTO brand_logos VALUES ($1, gen_random_uuid(), NULL, 'x', '', now())`, [tenantId]);
  await db.manager.query(
    `INSERT INTO mail_templates VALUES ($1, 'verify_email', 'en', 'x', NULL, 'x', 1, now(), now())`,
    [tenantId],
  );
  const mine = 'FROM users WHERE tenant_id = $1 LIMIT 1';
  await db.manager.query(`INSERT INTO totp_credentials SELECT tenant_id, id, 'x', 1, now() ${mine}`, [tenantId]);
  await db.manager.query(`INSERT INTO recovery_codes SELECT tenant_id, id, 'x', now() ${mine}`, [tenantId]);
  await db.manager.query(`INSERT INTO passkey_users SELECT tenant_id, id, 'x' ${mine}`, [tenantId]);
  await db.manager.query(
    `INSERT INTO passkeys SELECT tenant_id, 'x', user_id, '', 0, '{}', gen_random_uuid(), false, false, true, 'x', now()
       FROM passkey_users WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(`INSERT INTO registrations SELECT tenant_id, id, 'x', now() ${mine}`, [tenantId]);
  await db.manager.query(
    `INSERT INTO backchannel_requests (tenant_id, id, request_hash, user_id, client_id, scope, created_at, expires_at)
     SELECT tenant_id, gen_random_uuid(), '', u.id, c.client_id, 'openid', now(), now()
       FROM users u JOIN clients c USING (tenant_id) WHERE tenant_id = $1 LIMIT 1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO organization_roles (tenant_id, id, organization_id, key, name, rank, created_at, updated_at)
     SELECT tenant_id, gen_random_uuid(), id, 'x', 'x', 1, now(), now() FROM organizations WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO membership_roles SELECT tenant_id, m.organization_id, m.user_id, r.id
       FROM memberships m JOIN organization_roles r USING (tenant_id, organization_id) WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO teams (tenant_id, id, organization_id, slug, name, created_at, updated_at)
     SELECT tenant_id, gen_random_uuid(), id, 'x', 'x', now(), now() FROM organizations WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO team_members SELECT tenant_id, t.id, t.organization_id, m.user_id
       FROM memberships m JOIN teams t USING (tenant_id, organization_id) WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO connection_keys
     SELECT tenant_id, gen_random_uuid(), id, 'current', 'x', 'x', now(), now() FROM connections WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO federated_sign_ins (tenant_id, id, connection_id, purpose, state, binding_hash, trace_id, created_at, expires_at)
     SELECT tenant_id, gen_random_uuid(), id, 'sign_in', 'done', 'x', 'x', now(), now() FROM connections WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO upstream_sessions (tenant_id, id, session_uid, connection_id, user_id, subject, created_at, expires_at)
     SELECT tenant_id, gen_random_uuid(), 'x', connection_id, user_id, subject, now(), now() FROM identities WHERE tenant_id = $1`,
    [tenantId],
  );
  await db.manager.query(
    `INSERT INTO job_chunks SELECT tenant_id, id, 'input', 0, 'x' FROM jobs WHERE tenant_id = $1 ON CONFLICT DO NOTHING`,
    [tenantId],
  );
  await db.manager.query(`INSERT INTO replays VALUES ($1, 'jti', now())`, [tenantId]);
  await db.manager.query(`INSERT INTO erasures VALUES ($1, gen_random_uuid(), now())`, [tenantId]);
}
