// Owns the links and codes that work once: each is for one purpose, one subject and one tenant, and is stored as a hash.
// Hands off to: whoever sends them (mail) and the one page or command that accepts each purpose.
import { randomInt } from 'node:crypto';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { hmac, randomToken, sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { badRequest } from '../../platform/errors.js';
import {
  type Bound,
  type CodePurpose,
  type LinkPurpose,
  MAX_TRIES,
  type OneTimePurposes,
  type Purpose,
  TTL_SECONDS,
} from './one-time-purposes.js';

export interface Redeemed<P extends Purpose> {
  subject: string;
  data: OneTimePurposes[P];
  /** Empty where the purpose is bound to none. */
  flow: string;
}

export type Tried<P extends CodePurpose> =
  | { outcome: 'ok'; redeemed: Redeemed<P> }
  | { outcome: 'wrong' }
  /** Used, too often tried, expired, of another flow or never asked for. */
  | { outcome: 'gone' };

type Row = { subject: string; data: Record<string, unknown>; flow: string };
type Details<P extends Purpose> = { ttlSeconds?: number; data: OneTimePurposes[P] } & Bound<P>;

export class OneTimeTokens {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** The older token of the same purpose and subject dies. @returns the token: it is shown now or never. */
  async issue<P extends LinkPurpose>(purpose: P, subject: string, details: Details<P>): Promise<string> {
    const token = randomToken();
    await this.store(purpose, subject, sha256(token), details);
    return token;
  }

  /**
   * As issue, for six digits.
   * @param key a secret of the tenant: without it the million codes could be hashed one by one.
   */
  async issueCode<P extends CodePurpose>(
    purpose: P,
    subject: string,
    key: string,
    details: Details<P>,
  ): Promise<string> {
    const code = String(randomInt(1_000_000)).padStart(6, '0');
    await this.store(purpose, subject, codeHash(key, purpose, details.flow, subject, code), details);
    return code;
  }

  /** Looks without using it: for the page that a link opens, since mail scanners open links too. */
  async peek<P extends LinkPurpose>(purpose: P, token: string): Promise<Redeemed<P> | undefined> {
    const values = [currentTenantId(), purpose, sha256(token), this.clock.now()];
    return redeemed<P>(await this.db.execute<Row>(PEEK, values));
  }

  /**
   * In a transaction. The person whose it is is held first, as by whatever else ends what rests on their account (users/user-rows.ts).
   * Exactly one of many callers gets it. Unknown, used, expired, another purpose, flow or tenant: all undefined.
   */
  async consume<P extends LinkPurpose>(
    purpose: P,
    token: string,
    ...[bound]: P extends 'magic_link' | 'email_change' ? [Bound<P>] : []
  ): Promise<Redeemed<P> | undefined> {
    await this.db.execute(HOLD_OWNER, [currentTenantId(), purpose, sha256(token)]);
    const values = [currentTenantId(), purpose, sha256(token), this.clock.now(), bound?.flow ?? ''];
    return redeemed<P>(await this.db.execute<Row>(CONSUME, values));
  }

  /**
   * Counts the try and looks in one statement: any number at once gets no more of them than one after the other.
   * Not inside a transaction that may be rolled back: the count must stay.
   */
  async tryCode<P extends CodePurpose>(
    purpose: P,
    subject: string,
    key: string,
    code: string,
    { flow }: { flow: string },
  ): Promise<Tried<P>> {
    const hash = codeHash(key, purpose, flow, subject, code);
    const values = [currentTenantId(), purpose, subject, flow, hash, this.clock.now(), MAX_TRIES];
    const rows = await this.db.execute<Row & { is_right: boolean }>(TRY, values);
    const found = redeemed<P>(rows);
    if (!found) return { outcome: 'gone' };
    return rows[0]?.is_right ? { outcome: 'ok', redeemed: found } : { outcome: 'wrong' };
  }

  /** What is remembered of the code that can still be tried in this flow, without a try. */
  async waiting<P extends CodePurpose>(
    purpose: P,
    subject: string,
    { flow }: { flow: string },
  ): Promise<OneTimePurposes[P] | undefined> {
    const values = [currentTenantId(), purpose, subject, flow, this.clock.now(), MAX_TRIES];
    return redeemed<P>(await this.db.execute<Row>(WAITING, values))?.data;
  }

  /** What was not used yet is of no use any more: all of its owner, where they have several. */
  async revoke(purpose: Purpose, owner: string): Promise<void> {
    await this.revokeAll([purpose], owner);
  }

  /** Of those that their owner has, the first stays, unless it is of one of these subjects. */
  async revokeButFirst(purpose: Purpose, owner: string, subjects: readonly string[]): Promise<void> {
    await this.db.execute(REVOKE_BUT_FIRST, [currentTenantId(), purpose, owner, subjects, this.clock.now()]);
  }

  async revokeAll(purposes: readonly Purpose[], owner: string): Promise<void> {
    await this.db.execute(REVOKE, [currentTenantId(), purposes, owner]);
  }

  /** This one was used, and what its owner was given after it goes. */
  async revokeLater(purpose: Purpose, owner: string, token: string): Promise<void> {
    await this.db.execute(REVOKE_LATER, [currentTenantId(), purpose, owner, sha256(token)]);
  }

  private async store<P extends Purpose>(
    purpose: P,
    subject: string,
    hash: string,
    details: Details<P>,
  ): Promise<void> {
    const { ttlSeconds = TTL_SECONDS[purpose], data, flow = '' } = details;
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + ttlSeconds * 1000);
    await this.db.execute(ISSUE, [currentTenantId(), purpose, hash, subject, data, now, expiresAt, flow]);
  }
}

/** One answer, whatever is wrong with it. */
export const invalidLink = () => badRequest('invalid_link', 'This link does not work any more. Ask for a new one');

function redeemed<P extends Purpose>([row]: Row[]): Redeemed<P> | undefined {
  return row && { subject: row.subject, data: row.data as OneTimePurposes[P], flow: row.flow };
}

/** A code is worth nothing without purpose, flow and subject. */
const codeHash = (key: string, purpose: CodePurpose, flow: string, subject: string, code: string): string =>
  hmac(key, ['one-time-code', purpose, flow, subject, code].join('\0'));

const ISSUE = {
  name: 'one_time_token_issue',
  text: `
    INSERT INTO one_time_tokens (tenant_id, purpose, token_hash, subject, data, created_at, expires_at, flow)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (tenant_id, purpose, subject) DO UPDATE
      SET token_hash = excluded.token_hash, data = excluded.data, created_at = excluded.created_at,
          expires_at = excluded.expires_at, flow = excluded.flow, attempts = 0, consumed_at = NULL`,
};

const PEEK = {
  name: 'one_time_token_peek',
  text: `
    SELECT subject, data, flow FROM one_time_tokens
    WHERE tenant_id = $1 AND purpose = $2 AND token_hash = $3 AND consumed_at IS NULL AND expires_at > $4`,
};

// What is somebody's begins with their id (ownerOf); what is nobody's holds nobody.
const HOLD_OWNER = {
  name: 'one_time_token_hold_owner',
  text: `
    SELECT 1 FROM one_time_tokens t
      JOIN users u ON u.tenant_id = t.tenant_id
       AND u.id = CASE WHEN t.subject ~ '^[0-9a-f-]{36}(:|$)' THEN split_part(t.subject, ':', 1)::uuid END
     WHERE t.tenant_id = $1 AND t.purpose = $2 AND t.token_hash = $3
       FOR NO KEY UPDATE OF u`,
};

const CONSUME = {
  name: 'one_time_token_consume',
  text: `
    UPDATE one_time_tokens SET consumed_at = $4
    WHERE tenant_id = $1 AND purpose = $2 AND token_hash = $3 AND consumed_at IS NULL AND expires_at > $4 AND flow = $5
    RETURNING subject, data, flow`,
};

const TRY = {
  name: 'one_time_code_try',
  text: `
    UPDATE one_time_tokens
    SET attempts = attempts + 1, consumed_at = CASE WHEN token_hash = $5 THEN $6::timestamptz END
    WHERE tenant_id = $1 AND purpose = $2 AND subject = $3 AND flow = $4 AND consumed_at IS NULL AND expires_at > $6
      AND attempts < $7
    RETURNING subject, data, flow, consumed_at IS NOT NULL AS is_right`,
};

const WAITING = {
  name: 'one_time_code_waiting',
  text: `
    SELECT subject, data, flow FROM one_time_tokens
    WHERE tenant_id = $1 AND purpose = $2 AND subject = $3 AND flow = $4 AND consumed_at IS NULL AND expires_at > $5
      AND attempts < $6`,
};

// As the index on whose they are has it (ownerOf).
const REVOKE = {
  name: 'one_time_token_revoke',
  text: `
    DELETE FROM one_time_tokens
    WHERE tenant_id = $1 AND split_part(subject, ':', 1) = $3 AND purpose = ANY($2) AND consumed_at IS NULL`,
};

const REVOKE_BUT_FIRST = {
  name: 'one_time_token_revoke_but_first',
  text: `
    DELETE FROM one_time_tokens
    WHERE tenant_id = $1 AND split_part(subject, ':', 1) = $3 AND purpose = $2 AND consumed_at IS NULL
      AND (subject = ANY ($4::text[]) OR created_at > (
        SELECT min(created_at) FROM one_time_tokens
        WHERE tenant_id = $1 AND split_part(subject, ':', 1) = $3 AND purpose = $2 AND consumed_at IS NULL AND expires_at > $5))`,
};

const REVOKE_LATER = {
  name: 'one_time_token_revoke_later',
  text: `
    DELETE FROM one_time_tokens
    WHERE tenant_id = $1 AND split_part(subject, ':', 1) = $3 AND purpose = $2 AND consumed_at IS NULL
      AND created_at >= (SELECT created_at FROM one_time_tokens WHERE tenant_id = $1 AND purpose = $2 AND token_hash = $4)`,
};
