// Owns what becomes of a person's rows when their account goes, beside those that a foreign key takes along. What has to stay, so that
// something stays ended or an event stays recorded, keeps the id and nothing else.
// Sealed letters are found by nobody: those that were sent are empty, the others go within a month (src/retention.ts).
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { nobodySubject, subjectsOf } from '../users/subjects.js';
import type { User } from '../users/user.entity.js';

export const ERASE_TASK = 'accounts.erase';

/** Ids begin with their time: before the first of them. */
const BEGINNING = '00000000-0000-0000-0000-000000000000';

/** After this no request is under way that had begun while there was the account: nothing more is recorded of it. */
const settledMs = 60_000;

const people = 100;

export class Erasure {
  /** @param batch events of the record that one transaction touches. */
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly clock: Clock,
    private readonly batch = 1000,
  ) {}

  /**
   * In the transaction in which the user goes, after everything that rested on the account has ended. A batch of the record; what is left of a
   * long one, and what requests under way still record, is left to `finish`.
   */
  async erase(user: User): Promise<void> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    const tenantId = currentTenantId();
    for (const statement of OF_THE_ACCOUNT) await this.db.execute(statement, [tenantId, user.id]);
    // What was counted and issued for the address and for the account, by whoever owns those tables.
    for (const statement of OF_THE_ADDRESS)
      await this.db.execute(statement, [tenantId, subjectsOf(identifierKey, user)]);
    await this.db.execute(INVITATIONS, [tenantId, user.emailNormalized]);
    await this.db.execute(TOKENS, [tenantId, user.id]);
    await this.db.execute(TOKENS_OF_NOBODY, [tenantId, nobodySubject(identifierKey, user.emailNormalized)]);
    for (const part of IN_THE_RECORD) await this.empty(part, user.id, BEGINNING);
    await this.db.execute(REMEMBER, [tenantId, user.id, this.clock.now()]);
  }

  /** The job, over all tenants: a batch is a transaction. May stop anywhere and run twice. @returns how many people nothing is left of now. */
  async finish(signal?: AbortSignal): Promise<number> {
    const before = new Date(this.clock.now().getTime() - settledMs);
    let done = 0;
    let failure: unknown;
    for (let open: Open[] = []; ; ) {
      const last = open.at(-1);
      const values = [before, last?.created_at ?? null, last?.user_id ?? null, people];
      open = (await this.db.manager.query(OPEN, values)) as Open[];
      for (const { tenant_id: tenantId, user_id: userId } of open) {
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        try {
          if (!(await withContext(context, () => this.finishOne(userId, signal)))) return done;
          done += 1;
        } catch (error) {
          // One that cannot be finished keeps nobody else.
          failure ??= error;
        }
      }
      if (open.length < people) break;
    }
    if (failure) throw failure;
    return done;
  }

  /** @returns false where it was interrupted. */
  private async finishOne(userId: string, signal?: AbortSignal): Promise<boolean> {
    for (const part of IN_THE_RECORD)
      for (let after: string | undefined = BEGINNING; after; after = await this.empty(part, userId, after))
        if (signal?.aborted) return false;
    await this.db.execute(FORGET, [currentTenantId(), userId]);
    return true;
  }

  /** One batch. @returns where to go on; undefined where there is nothing more. */
  private async empty(part: Statement, userId: string, after: string): Promise<string | undefined> {
    const [row] = await this.db.execute<{ found: number; last: string | null }>(part, [
      currentTenantId(),
      userId,
      after,
      this.batch,
    ]);
    return row && row.found === this.batch ? (row.last ?? undefined) : undefined;
  }
}

const OF_THE_ACCOUNT: readonly Statement[] = [
  {
    // An ended session stays, or a request under way would begin it anew.
    name: 'erase_sessions',
    text: `UPDATE sessions SET account_id = NULL, login_ts = NULL, payload = '{}', proofs = NULL, ip = NULL, user_agent = NULL,
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
    // What became of members is counted for good; why, in somebody's own words, is not.
    name: 'erase_membership_reasons',
    text: `UPDATE membership_events SET data = data - 'reason' WHERE tenant_id = $1 AND user_id = $2::uuid AND data ? 'reason'`,
  },
  { name: 'erase_traces', text: 'DELETE FROM traces WHERE tenant_id = $1 AND user_id = $2::uuid' },
  {
    name: 'erase_idempotency_keys',
    text: `DELETE FROM idempotency_keys WHERE tenant_id = $1 AND actor = 'user:' || $2::text`,
  },
];

/** Whoever was invited by this address. */
const INVITATIONS: Statement = {
  name: 'erase_invitations',
  text: 'DELETE FROM organization_invitations WHERE tenant_id = $1 AND email_normalized = $2',
};

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

// Each as its index has it (ownerOf): with an OR between them none is used, and all tokens of the tenant are read.
const TOKENS: Statement = {
  name: 'erase_one_time_tokens',
  text: `DELETE FROM one_time_tokens WHERE tenant_id = $1 AND split_part(subject, ':', 1) = $2`,
};

/** What was sent to the address while it had no account. */
const TOKENS_OF_NOBODY: Statement = {
  name: 'erase_one_time_tokens_of_nobody',
  text: `DELETE FROM one_time_tokens
          WHERE tenant_id = $1 AND split_part(subject, ':', 1) = 'nobody' AND split_part(subject, ':', 2) = split_part($2, ':', 2)`,
};

/** @param salts those without which what was sealed is of nobody (features/audit-proof); also of what was emptied before it was sealed. */
const oneBatch = (name: string, whose: string, columns: string, salts: string): Statement => ({
  name,
  text: `
    WITH these AS (
      SELECT id, actor_type, actor_id FROM audit_events WHERE tenant_id = $1 AND ${whose} = $2::text AND id > $3::uuid ORDER BY id LIMIT $4
    ), emptied AS (
      UPDATE audit_events e SET ${columns} FROM these WHERE e.tenant_id = $1 AND e.id = these.id
        AND (e.ip IS NOT NULL OR e.user_agent IS NOT NULL OR e.data ? 'subject_hash')
    ), unsalted AS (
      UPDATE audit_seals s SET salts = s.salts - ${salts} FROM these e WHERE s.tenant_id = $1 AND s.event_id = e.id AND s.salts ?| ${salts}
    )
    SELECT (SELECT count(*)::int FROM these) AS found, (SELECT id FROM these ORDER BY id DESC LIMIT 1) AS last`,
});

/** Where somebody else acted, as an administrator, the address and the browser are theirs. */
const isTheirs = `(e.actor_id = $2::text OR e.actor_type IS NULL OR e.actor_type = 'system')`;
const unlessOfOthers = (column: string) => `${column} = CASE WHEN ${isTheirs} THEN NULL ELSE e.${column} END`;

/** What was done to them, and what they did. */
const IN_THE_RECORD: readonly Statement[] = [
  oneBatch(
    'erase_audit_of',
    `data ->> 'user_id'`,
    `data = e.data - 'subject_hash', ${unlessOfOthers('ip')}, ${unlessOfOthers('user_agent')}`,
    `CASE WHEN ${isTheirs} THEN '{subject_hash,ip,user_agent}' ELSE '{subject_hash}' END::text[]`,
  ),
  oneBatch('erase_audit_by', 'actor_id', 'ip = NULL, user_agent = NULL', `'{ip,user_agent}'::text[]`),
];

const REMEMBER: Statement = {
  name: 'erasure_remember',
  text: 'INSERT INTO erasures (tenant_id, user_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
};

const FORGET: Statement = {
  name: 'erasure_forget',
  text: 'DELETE FROM erasures WHERE tenant_id = $1 AND user_id = $2',
};

interface Open {
  tenant_id: string;
  user_id: string;
  created_at: string;
}

// As text, because a Date has no microseconds: the walk would stand still.
const OPEN = `
  SELECT tenant_id, user_id, created_at::text AS created_at FROM erasures
   WHERE created_at <= $1::timestamptz AND ($2::timestamptz IS NULL OR (created_at, user_id) > ($2::timestamptz, $3::uuid))
   ORDER BY created_at, user_id LIMIT $4`;
