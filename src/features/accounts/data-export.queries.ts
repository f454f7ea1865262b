// What the house keeps about one person, column by column: what is not named here is not given out. No hash, no secret, no handle.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';

type Row = Record<string, unknown>;

/** Section of the document → its rows, oldest first; all but the activity, which may be long. */
const SECTIONS = {
  passwords: `
    SELECT changed_at, must_change FROM password_credentials WHERE tenant_id = $1 AND user_id = $2`,
  passkeys: `
    SELECT credential_id, name, transports, aaguid, backup_eligible, backed_up, created_at, last_used_at, flagged_at
      FROM passkeys WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at`,
  authenticators: `
    SELECT created_at FROM totp_credentials WHERE tenant_id = $1 AND user_id = $2`,
  recovery_codes: `
    SELECT created_at, used_at FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at, used_at`,
  devices: `
    SELECT id, ip, user_agent, created_at, last_seen_at, trusted_until
      FROM devices WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at`,
  networks: `
    SELECT network, last_seen_at FROM known_networks WHERE tenant_id = $1 AND user_id = $2 ORDER BY last_seen_at`,
  sessions: `
    SELECT uid AS id, ip, user_agent, home_ip, home_user_agent, moved_to, payload ->> 'acr' AS acr, payload -> 'amr' AS amr,
           proofs, created_at, updated_at, expires_at, ended_at, end_reason
      FROM sessions WHERE tenant_id = $1 AND account_id = $2 ORDER BY created_at`,
  external_subjects: `
    SELECT i.issuer, s.subject, s.created_at
      FROM external_subjects s JOIN trusted_issuers i ON i.tenant_id = s.tenant_id AND i.id = s.issuer_id
     WHERE s.tenant_id = $1 AND s.user_id = $2 ORDER BY s.created_at`,
  identities: `
    SELECT c.display_name AS connection, i.subject, i.created_at, i.last_used_at
      FROM identities i JOIN connections c ON c.tenant_id = i.tenant_id AND c.id = i.connection_id
     WHERE i.tenant_id = $1 AND i.user_id = $2 ORDER BY i.created_at`,
  federated_sign_ins: `
    SELECT id, connection_id, outcome, error AS reason, occurred_at FROM traces WHERE tenant_id = $1 AND user_id = $2 ORDER BY occurred_at, id`,
  upstream_sessions: `
    SELECT session_uid AS session_id, subject, session_index, ends_at, created_at
      FROM upstream_sessions WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at`,
  api_keys: `
    SELECT id, name, environment, prefix, scopes, roles, resources, allowed_networks, created_at, rotated_at, last_used_at, expires_at, revoked_at
      FROM api_keys WHERE tenant_id = $1 AND user_id = $2 ORDER BY id`,
  grants: `
    SELECT g.id, g.client_id, c.name AS client_name, g.payload -> 'openid' ->> 'scope' AS scope, g.payload -> 'resources' AS resources,
           g.organization_id, g.created_at, g.expires_at, g.ended_at, g.end_reason
      FROM grants g LEFT JOIN clients c ON c.tenant_id = g.tenant_id AND c.client_id = g.client_id
     WHERE g.tenant_id = $1 AND g.account_id = $2 ORDER BY g.created_at`,
  memberships: `
    SELECT o.id AS organization_id, o.slug AS organization, o.name AS organization_name, m.role, m.permissions,
           ARRAY(SELECT r.key FROM membership_roles mr JOIN organization_roles r ON r.tenant_id = mr.tenant_id AND r.id = mr.role_id
                  WHERE mr.tenant_id = m.tenant_id AND mr.organization_id = m.organization_id AND mr.user_id = m.user_id
                  ORDER BY r.key) AS roles,
           ARRAY(SELECT t.slug FROM team_members tm JOIN teams t ON t.tenant_id = tm.tenant_id AND t.id = tm.team_id
                  WHERE tm.tenant_id = m.tenant_id AND tm.organization_id = m.organization_id AND tm.user_id = m.user_id
                  ORDER BY t.slug) AS teams,
           m.joined_at, m.last_used_at, m.suspended_at, m.suspension_reason
      FROM memberships m JOIN organizations o ON o.tenant_id = m.tenant_id AND o.id = m.organization_id
     WHERE m.tenant_id = $1 AND m.user_id = $2 ORDER BY m.joined_at`,
  membership_history: `
    SELECT organization_id, kind, data, occurred_at FROM membership_events WHERE tenant_id = $1 AND user_id = $2 ORDER BY id`,
  lockouts: `
    SELECT factor, cause, ip, locked_at, locked_until, unlocked_at
      FROM lockouts WHERE tenant_id = $1 AND user_id = $2 ORDER BY locked_at`,
  invitations: `
    SELECT o.name AS organization, i.email, i.role, i.state, i.message, i.sent_at, i.expires_at, i.decided_at
      FROM organization_invitations i JOIN organizations o ON o.tenant_id = i.tenant_id AND o.id = i.organization_id
      JOIN users u ON u.tenant_id = i.tenant_id AND u.id = $2
     WHERE i.tenant_id = $1 AND (i.accepted_by = u.id OR (u.email_verified AND i.email_normalized = u.email_normalized))
     ORDER BY i.created_at`,
  factor_recoveries: `
    SELECT requested_at, ready_at, done_at FROM factor_recoveries WHERE tenant_id = $1 AND user_id = $2`,
} as const;

export const sections = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[];

export const rowsOf = (db: Database, userId: string, section: keyof typeof SECTIONS): Promise<Row[]> =>
  db.manager.query(SECTIONS[section], [currentTenantId(), userId]) as Promise<Row[]>;

/** Where somebody else acted, as an administrator, the address and the browser are theirs. */
const notOfOthers = `(actor_id = $2 OR actor_type IS NULL OR actor_type = 'system')`;

/** What happened to the account, oldest first. @param after the id of the last one given. */
export const activityOf = (db: Database, userId: string, after: string | undefined, limit: number): Promise<Row[]> =>
  db.manager.query(
    `SELECT id, name, data - 'subject_hash' AS data, CASE WHEN ${notOfOthers} THEN ip END AS ip,
            CASE WHEN ${notOfOthers} THEN user_agent END AS user_agent, occurred_at FROM audit_events
      WHERE tenant_id = $1 AND data ->> 'user_id' = $2 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4`,
    [currentTenantId(), userId, after ?? null, limit],
  ) as Promise<Row[]>;
