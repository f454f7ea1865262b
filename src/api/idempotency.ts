// A POST that may be repeated without being done twice (draft-ietf-httpapi-idempotency-key-header).
// The key, the change and the answer are one transaction: either all three exist or none. Answers are sealed, for one may hold a secret
// that is shown once.
import type { Context } from 'koa';
import { z } from 'zod';
import type { Clock } from '../platform/clock.js';
import { type Actor, currentTenantId } from '../platform/context.js';
import { type Sealer, sha256 } from '../platform/crypto.js';
import type { Database, Statement } from '../platform/database.js';
import { AppError, badRequest, conflict } from '../platform/errors.js';
import type { SealedColumn } from '../platform/rewrap.js';

const keptSeconds = 24 * 60 * 60;

/** What a success sends. */
export interface Answer {
  status: number;
  /** JSON text. */
  body?: string;
  etag?: string;
}

const Kept = z.object({
  fingerprint: z.string(),
  answer: z.object({ status: z.int(), body: z.string().optional(), etag: z.string().optional() }),
});

export class IdempotencyKeys {
  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  /**
   * Does the work at most once for this actor and key; a repetition gets the first answer. Work that throws leaves no trace, so the
   * caller may try again under the same key.
   * @throws AppError 409 while the first is in progress, 422 when the key came with another request.
   */
  once(actor: Actor, key: string, fingerprint: string, work: () => Promise<Answer>): Promise<Answer> {
    const row = [currentTenantId(), `${actor.type}:${actor.id}`, sha256(ownOf(actor, key))];
    const context = sealContext(row);
    return this.db.transaction(async () => {
      // Without the lock the second would wait inside INSERT, holding a connection for as long as the first works.
      const [lock] = await this.db.execute<{ mine: boolean }>(tryLock, row);
      if (!lock?.mine)
        throw conflict('request_in_progress', 'The first request with this Idempotency-Key is in progress');

      const now = this.clock.now();
      const [claimed] = await this.db.execute(claim, [...row, now, new Date(now.getTime() + keptSeconds * 1000)]);
      if (!claimed) return this.replay(row, context, fingerprint);

      const answer = await work();
      await this.db.execute(keep, [...row, this.sealer.seal(JSON.stringify({ fingerprint, answer }), context)]);
      return answer;
    });
  }

  private async replay(row: string[], context: string, fingerprint: string): Promise<Answer> {
    const [found] = await this.db.execute<{ sealed_answer: string }>(find, row);
    if (!found) throw conflict('request_in_progress', 'The first request with this Idempotency-Key is in progress');
    const kept = Kept.parse(JSON.parse(this.sealer.open(found.sealed_answer, context)));
    if (kept.fingerprint === fingerprint) return kept.answer;
    throw new AppError(422, 'idempotency_key_reused', 'This Idempotency-Key came with another request before');
  }
}

/** What a person was told with a token is not told again to whoever has an API key of theirs: the answer may be another key. */
const ownOf = ({ apiKey }: Actor, key: string): string => (apiKey ? `${apiKey.id}\0${key}` : key);

/** @returns the key, quoted (a string of RFC 9651 §3.3.3) or bare. */
export function idempotencyKey(ctx: Context): string | undefined {
  if (ctx.headers['idempotency-key'] === undefined) return undefined;
  const header = ctx.get('Idempotency-Key');
  const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header)?.[1];
  const key = quoted?.replace(/\\(["\\])/g, '$1') ?? /^[\x21\x23-\x7e]+$/.exec(header)?.[0] ?? '';
  if (key.length >= 1 && key.length <= 255) return key;
  throw badRequest('invalid_idempotency_key', 'Idempotency-Key takes 1 to 255 visible ASCII characters');
}

/** The same request says the same thing to the same address; the order of its members does not matter. */
export const fingerprintOf = (ctx: Context, body: unknown): string =>
  sha256(JSON.stringify([ctx.method, ctx.path, ctx.querystring, sorted(body)]));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value ?? null;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return { members: members.map(([name, member]) => [name, sorted(member)]) };
}

const sealContext = (row: readonly unknown[]) => `idempotency_keys:${row.join(':')}`;

export const sealedAnswers: SealedColumn = {
  table: 'idempotency_keys',
  column: 'sealed_answer',
  key: ['tenant_id', 'actor', 'key_hash'],
  context: ({ tenant_id, actor, key_hash }) => sealContext([tenant_id, actor, key_hash]),
};

const tryLock: Statement = {
  name: 'idempotency_keys_try_lock',
  text: `SELECT pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', $1::text, $2::text, $3::text), 0)) AS mine`,
};

// An expired row is taken over as if it were gone; a living one is left alone and nothing is returned.
const claim: Statement = {
  name: 'idempotency_keys_claim',
  text: `INSERT INTO idempotency_keys AS kept (tenant_id, actor, key_hash, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant_id, actor, key_hash) DO UPDATE
      SET sealed_answer = NULL, created_at = excluded.created_at, expires_at = excluded.expires_at
      WHERE kept.expires_at <= excluded.created_at
    RETURNING key_hash`,
};

const keep: Statement = {
  name: 'idempotency_keys_keep',
  text: 'UPDATE idempotency_keys SET sealed_answer = $4 WHERE tenant_id = $1 AND actor = $2 AND key_hash = $3',
};

const find: Statement = {
  name: 'idempotency_keys_find',
  text: `SELECT sealed_answer FROM idempotency_keys
    WHERE tenant_id = $1 AND actor = $2 AND key_hash = $3 AND sealed_answer IS NOT NULL`,
};
