// How long each table keeps its rows, on one page. What is not here is kept until somebody deletes it: tenants, users, clients, resources,
// keys, what belongs to a user and goes with them, and the audit log. platform/sweep.ts does the work. Accounts that go by themselves are
// those of AccountDeletion and AbandonedRegistrations; of whom the record is long, Erasure keeps a row until it is emptied.
import { MEMORY_SECONDS } from './features/credentials/lockout.js';
import type { Retention } from './platform/sweep.js';

const hour = 3600;
const month = 30 * 24 * hour;

export const retentions: readonly Retention[] = [
  // A spent row stays as long as its reuse must be noticed (RFC 9700 §4.14.2): retain_until knows.
  { table: 'engine_rows', column: 'retain_until', keep: 0 },
  { table: 'engine_rows', column: 'answer_until', keep: 0, empty: ['sealed_answer', 'answer_until'] },
  // RFC 9449 §11.1: as long as the value could be presented again.
  { table: 'replays', column: 'expires_at', keep: 0 },
  { table: 'denied_tokens', column: 'expires_at', keep: 0 },
  { table: 'token_endings', column: 'expires_at', keep: 0 },
  // An ended session stays ended, and can be looked into.
  { table: 'sessions', column: 'expires_at', keep: month },
  { table: 'session_handles', column: 'retire_at', keep: hour },
  // A grant outlives every token made from it; until then it remembers what was agreed to, or that it was taken back.
  { table: 'grants', column: 'expires_at', keep: 0 },
  // OpenID Connect CIBA: what somebody was asked can be looked into for a while.
  { table: 'backchannel_requests', column: 'expires_at', keep: month },
  { table: 'traces', column: 'occurred_at', keep: month, when: 'expires_at IS NULL' },
  // What became of sign-ins at identity providers: as long as the tenant says.
  { table: 'traces', column: 'expires_at', keep: 0 },
  { table: 'federated_sign_ins', column: 'expires_at', keep: 0 },
  { table: 'upstream_sessions', column: 'expires_at', keep: 0 },
  { table: 'one_time_tokens', column: 'expires_at', keep: 0 },
  // Used up or expired, it can be looked into.
  { table: 'initial_access_tokens', column: 'expires_at', keep: month },
  { table: 'api_keys', column: 'expires_at', keep: month },
  { table: 'api_keys', column: 'revoked_at', keep: month },
  { table: 'api_key_usage', column: 'day', keep: 13 * month },
  // Answered or expired, it can be looked into for a while: it has somebody's address.
  { table: 'organization_invitations', column: 'decided_at', keep: 12 * month },
  {
    table: 'login_failures',
    column: 'last_failed_at',
    keep: MEMORY_SECONDS,
    when: '(locked_until IS NULL OR locked_until < $1) AND in_a_row = 0',
  },
  // Failures in a row are not forgotten by waiting (NIST SP 800-63B-4 §3.2.2). Those of codes by mail are of addresses that nobody has, too.
  {
    table: 'login_failures',
    column: 'last_failed_at',
    keep: 12 * month,
    when: "(locked_until IS NULL OR locked_until < $1) AND factor = 'email_code'",
  },
  // One that was done stays until another factor is there.
  { table: 'factor_recoveries', column: 'ready_at', keep: month, when: 'done_at IS NULL' },
  { table: 'lockouts', column: 'locked_at', keep: 12 * month },
  { table: 'devices', column: 'last_seen_at', keep: 14 * month },
  { table: 'known_networks', column: 'last_seen_at', keep: 14 * month },
  { table: 'mail_messages', column: 'created_at', keep: month },
  { table: 'logout_notices', column: 'created_at', keep: month },
  { table: 'webhook_deliveries', column: 'created_at', keep: month },
  {
    table: 'webhook_endpoints',
    column: 'previous_until',
    keep: 0,
    empty: ['previous_secret_sealed', 'previous_until'],
  },
  // Ended, with its file: as long as the job says. A file is up to 512 MiB; of several in one statement it could take longer than a statement may.
  { table: 'jobs', column: 'expires_at', keep: 0, batch: 1 },
  { table: 'idempotency_keys', column: 'expires_at', keep: 0 },
];
