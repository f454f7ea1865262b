// Owns the links and codes that work once: each is for one purpose, one subject and one tenant, and is stored as a hash.
// Hands off to: whoever sends them (mail) and the one page or command that accepts each purpose.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { randomToken, sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';

/** Purpose → what is remembered beside the subject. A new purpose is declared here and accepted by exactly one endpoint. */
export interface OneTimePurposes {
  /** The first administrator. */
  setup: Record<string, never>;
  /** Subject: the user. Dead once the address it was sent to is no longer theirs. */
  password_reset: { email: string };
  /** "This was not me". Subject: the user. */
  lockdown: { email: string };
}

export const TTL_SECONDS = {
  setup: 30 * 60,
  password_reset: 60 * 60,
  lockdown: 7 * 24 * 3600,
} as const satisfies Record<keyof OneTimePurposes, number>;

export interface Redeemed<P extends keyof OneTimePurposes> {
  subject: string;
  data: OneTimePurposes[P];
}

type Row = { subject: string; data: Record<string, unknown> };

export class OneTimeTokens {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** The older token of the same purpose and subject dies. @returns the token: it is shown now or never. */
  async issue<P extends keyof OneTimePurposes>(
    purpose: P,
    subject: string,
    { ttlSeconds = TTL_SECONDS[purpose], data }: { ttlSeconds?: number; data: OneTimePurposes[P] },
  ): Promise<string> {
    const token = randomToken();
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + ttlSeconds * 1000);
    await this.db.execute(ISSUE, [currentTenantId(), purpose, sha256(token), subject, data, now, expiresAt]);
    return token;
  }

  /** Looks without using it: for the page that a link opens, since mail scanners open links too. */
  async peek<P extends keyof OneTimePurposes>(purpose: P, token: string): Promise<Redeemed<P> | undefined> {
    const values = [currentTenantId(), purpose, sha256(token), this.clock.now()];
    return redeemed<P>(await this.db.execute<Row>(PEEK, values));
  }

  /** Exactly one of many callers gets it. Unknown, used, expired, another purpose, another tenant: all undefined. */
  async consume<P extends keyof OneTimePurposes>(purpose: P, token: string): Promise<Redeemed<P> | undefined> {
    const values = [currentTenantId(), purpose, sha256(token), this.clock.now()];
    return redeemed<P>(await this.db.execute<Row>(CONSUME, values));
  }

  /** What was not used yet is of no use any more. */
  async revoke(purpose: keyof OneTimePurposes, subject: string): Promise<void> {
    await this.db.execute(REVOKE, [currentTenantId(), purpose, subject]);
  }
}

function redeemed<P extends keyof OneTimePurposes>([row]: Row[]): Redeemed<P> | undefined {
  return row && { subject: row.subject, data: row.data as OneTimePurposes[P] };
}

const ISSUE = {
  name: 'one_time_token_issue',
  text: `
    INSERT INTO one_time_tokens (tenant_id, purpose, token_hash, subject, data, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant_id, purpose, subject) DO UPDATE
      SET token_hash = excluded.token_hash, data = excluded.data, created_at = excluded.created_at,
          expires_at = excluded.expires_at, consumed_at = NULL`,
};

const PEEK = {
  name: 'one_time_token_peek',
  text: `
    SELECT subject, data FROM one_time_tokens
    WHERE tenant_id = $1 AND purpose = $2 AND token_hash = $3 AND consumed_at IS NULL AND expires_at > $4`,
};

const CONSUME = {
  name: 'one_time_token_consume',
  text: `
    UPDATE one_time_tokens SET consumed_at = $4
    WHERE tenant_id = $1 AND purpose = $2 AND token_hash = $3 AND consumed_at IS NULL AND expires_at > $4
    RETURNING subject, data`,
};

const REVOKE = {
  name: 'one_time_token_revoke',
  text: `DELETE FROM one_time_tokens WHERE tenant_id = $1 AND purpose = $2 AND subject = $3 AND consumed_at IS NULL`,
};
