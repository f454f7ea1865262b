// What has ended JWT access tokens before they expire, told to resource servers that verify tokens by themselves. The database publishes each ending in
// the transaction that it belongs to (migrations/0071); here it is read, in an order in which nothing turns up behind a reader.
// Hands off to: the resource server, which refuses what is named for as long as it says.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { AppError, forbidden, tooMany } from '../../platform/errors.js';
import type { TokenEndingQuery } from './token-ending.schema.js';

export type EndingKind = 'jti' | 'gid' | 'suid' | 'client_id';

/** All tokens that bear `value` in the claim `kind` have ended; of a client, those issued until then. */
export interface TokenEnding {
  kind: EndingKind;
  value: string;
  endedAt: Date;
  /** No token that is meant is accepted any longer than until then. */
  expiresAt: Date;
}

export interface TokenEndingPage {
  endings: TokenEnding[];
  /** Where to go on: everything before it has been told. */
  next: string;
  /** There is more already. */
  more: boolean;
}

interface Row {
  horizon: string;
  xid: string | null;
  position: string | null;
  kind: EndingKind;
  value: string;
  ended_at: Date;
  expires_at: Date;
}

const resourcesOf: Statement = {
  name: 'token_endings_resources',
  text: 'SELECT identifier FROM resources WHERE tenant_id = $1 AND introspection_clients @> to_jsonb($2::text)',
};

/**
 * Up to the horizon: older than it no transaction is under way, so none can commit a row there any more. Whatever runs long anywhere in the cluster
 * and writes holds the horizon up meanwhile: late is better than never.
 */
const after: Statement = {
  name: 'token_endings_after',
  text: `WITH horizon AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xid)
    SELECT h.xid::text AS horizon, e.* FROM horizon h
      LEFT JOIN LATERAL (
        SELECT xid::text AS xid, position::text AS position, kind, value, ended_at, expires_at FROM token_endings t
         WHERE t.tenant_id = $1 AND (t.xid, t.position) > ($2::text::xid8, $3::text::bigint) AND t.xid < h.xid
           AND t.expires_at > $4 AND (t.audience IS NULL OR t.audience = ANY ($5::text[]))
         ORDER BY t.xid, t.position LIMIT $6) e ON true
     ORDER BY e.xid::xid8, e.position::bigint`,
};

/** How often a reader that waits is looked after, in milliseconds: what has ended is known everywhere within a second. */
const pause = 500;

/** Requests of one client that wait at once, in one process: each asks the database again and again. A reader needs one. */
const MOST_WAITING = 8;

/**
 * Milliseconds in which other processes may have given a client tokens after one had disabled it: until they knew, by clocks that differ a little,
 * in whole seconds. Those of a client that is enabled at once have ended with the others.
 */
const unaware = 5_000;

export class TokenEndings {
  private readonly waiting = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /**
   * What has ended since a position, oldest first; from the beginning, whatever tokens could still be shown. Waits for something to end where asked.
   * @throws AppError 403 where whoever asks is no resource server, 410 where the position is of another database than this, 429 where too
   * many of the same client wait already.
   */
  async read({ after: position = '0.0', limit, wait }: TokenEndingQuery): Promise<TokenEndingPage> {
    const audiences = await this.audiences();
    const until = performance.now() + wait * 1000;
    const page = await this.page(position, audiences, limit);
    if (page.endings.length > 0 || wait === 0) return page;
    return this.inTurn(async () => {
      for (let later = page; ; later = await this.page(position, audiences, limit)) {
        if (later.endings.length > 0 || performance.now() + pause > until) return later;
        await sleep(pause);
      }
    });
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const key = `${currentTenantId()} ${currentContext()?.actor?.id}`;
    const others = this.waiting.get(key) ?? 0;
    if (others >= MOST_WAITING) throw tooMany('too_many_waiting', 'Too many requests of this client wait already', 1);
    this.waiting.set(key, others + 1);
    try {
      return await work();
    } finally {
      const left = (this.waiting.get(key) ?? 1) - 1;
      if (left > 0) this.waiting.set(key, left);
      else this.waiting.delete(key);
    }
  }

  /** What a resource server is told is for its own resources; whose a grant, session or client was for is not known to one who ends it. */
  private async audiences(): Promise<string[]> {
    const actor = currentContext()?.actor;
    const rows =
      actor?.type === 'client'
        ? await this.db.execute<{ identifier: string }>(resourcesOf, [currentTenantId(), actor.id])
        : [];
    if (rows.length === 0)
      throw forbidden(
        'not_a_resource_server',
        'Only a client that a resource names in introspection_clients reads this',
      );
    return rows.map(({ identifier }) => identifier);
  }

  private async page(position: string, audiences: readonly string[], limit: number): Promise<TokenEndingPage> {
    const [xid = '0', place = '0'] = position.split('.');
    const values = [currentTenantId(), xid, place, this.clock.now(), audiences, limit + 1];
    const rows = await this.db.execute<Row>(after, values);
    const horizon = rows[0]?.horizon ?? '0';
    // No reader was ever ahead of the horizon: this is a database that was restored into another cluster.
    if (BigInt(xid) > BigInt(horizon))
      throw new AppError(410, 'position_gone', 'This position is not known here: begin again without one');
    const found = rows.filter((row) => row.xid !== null);
    const told = found.slice(0, limit);
    const last = told.at(-1);
    const more = found.length > limit;
    return {
      endings: told.map(({ kind, value, ended_at, expires_at }) => ({
        kind,
        value,
        endedAt: kind === 'client_id' ? new Date(ended_at.getTime() + unaware) : ended_at,
        expiresAt: expires_at,
      })),
      next: more && last ? `${last.xid}.${last.position}` : `${horizon}.0`,
      more,
    };
  }
}
