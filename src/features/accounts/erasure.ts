// Owns what becomes of a person's rows when their account goes, beside those that a foreign key takes along. What has to stay, so that
// something stays ended or an event stays recorded, keeps the id and nothing else.
// Sealed letters are found by nobody: those that were sent are empty, the others go within a month (src/retention.ts).
import { currentTenantId } from '../../platform/context.js';
import { hmac } from '../../platform/crypto.js';
import type { Database, Statement } from '../../platform/database.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';

export class Erasure {
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
  ) {}

  /** In the transaction in which the user goes, after everything that rested on the account has ended. */
  async erase(user: User): Promise<void> {
    const tenant = await this.tenants.current();
    const { identifierKey } = this.tenants.secrets(tenant);
    // What was counted and issued for the address and for the account, by whoever owns those tables.
    const subjects = [hmac(identifierKey, user.emailNormalized), hmac(identifierKey, `second-factor\0${user.id}`)];
    const nobody = `nobody:${hmac(identifierKey, `mailbox\0${user.emailNormalized}`)}`;
    for (const statement of OF_THE_ACCOUNT) await this.db.execute(statement, [currentTenantId(), user.id]);
    for (const statement of OF_THE_ADDRESS) await this.db.execute(statement, [currentTenantId(), subjects]);
    await this.db.execute(TOKENS, [currentTenantId(), user.id, nobody]);
  }
}

const OF_THE_ACCOUNT: readonly Statement[] = [
  {
    // An ended session stays, or a request under way would begin it anew.
    name: 'erase_sessions',
    text: `UPDATE sessions SET account_id = NULL, login_ts = NULL, payload = '{}', ip = NULL, user_agent = NULL,
                  home_ip = NULL, home_user_agent = NULL, moved_to = NULL
            WHERE tenant_id = $1 AND account_id = $2::uuid`,
  },
  { name: 'erase_grants', text: 'DELETE FROM grants WHERE tenant_id = $1 AND account_id = $2::uuid' },
  {
    // The others expire within a day, and stand on a grant that is gone.
    name: 'erase_engine_rows',
    text: `DELETE FROM engine_rows WHERE tenant_id = $1 AND account_id = $2::uuid AND kind = 'RefreshToken'`,
  },
  {
    name: 'erase_idempotency_keys',
    text: `DELETE FROM idempotency_keys WHERE tenant_id = $1 AND actor = 'user:' || $2::text`,
  },
  {
    // Where somebody else acted, as an administrator, the address and the browser are theirs.
    name: 'erase_audit_events',
    text: `UPDATE audit_events SET data = data - 'subject_hash',
                  ip = CASE WHEN actor_id = $2::text OR actor_type IS NULL OR actor_type = 'system' THEN NULL ELSE ip END,
                  user_agent = CASE WHEN actor_id = $2::text OR actor_type IS NULL OR actor_type = 'system' THEN NULL ELSE user_agent END
            WHERE tenant_id = $1 AND data ->> 'user_id' = $2::text`,
  },
  {
    name: 'erase_audit_actor',
    text: `UPDATE audit_events SET ip = NULL, user_agent = NULL WHERE tenant_id = $1 AND actor_id = $2::text`,
  },
];

const OF_THE_ADDRESS: readonly Statement[] = [
  {
    name: 'erase_login_failures',
    text: 'DELETE FROM login_failures WHERE tenant_id = $1 AND subject_hash = ANY($2::text[])',
  },
  {
    // Those from before there was the account.
    name: 'erase_lockouts',
    text: 'DELETE FROM lockouts WHERE tenant_id = $1 AND subject_hash = ANY($2::text[])',
  },
];

const TOKENS: Statement = {
  name: 'erase_one_time_tokens',
  text: `DELETE FROM one_time_tokens WHERE tenant_id = $1 
            AND (split_part(subject, ':', 1) = $2 OR subject = $3 OR starts_with(subject, $3 || ':'))`,
};
