// Counts how often keys are used, and when last: in memory first, then for all of them by one statement a minute, so that no request waits for it.
// A process that is killed loses what it has counted in its last minute; one that is stopped does not.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';

interface Count {
  tenantId: string;
  keyId: string;
  day: string;
  requests: number;
  lastUsedAt: Date;
}

const everyMs = 60_000;
/** Then it is written down before the minute is over. */
const most = 5_000;

export class ApiKeyUsage {
  private counts = new Map<string, Count>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  count(keyId: string): void {
    const now = this.clock.now();
    this.add({ tenantId: currentTenantId(), keyId, day: now.toISOString().slice(0, 10), requests: 1, lastUsedAt: now });
    // With the first of a minute, so that a process in which no key is used has nothing to do.
    this.timer ??= setTimeout(() => void this.flush(), everyMs).unref();
    if (this.counts.size >= most) void this.flush();
  }

  /** One after the other: two at once would wait for each other's rows. */
  flush(): Promise<void> {
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  private async write(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const counted = [...this.counts.values()].sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
    if (counted.length === 0) return;
    this.counts = new Map();
    try {
      await this.db.detached(() => this.db.execute(keep, columnsOf(counted)));
    } catch (error) {
      this.onError(error);
      // While the database is away it is kept, as long as it is little.
      if (this.counts.size < most) for (const count of counted) this.add(count);
    }
  }

  private add(more: Count): void {
    const place = `${more.tenantId} ${more.keyId} ${more.day}`;
    const before = this.counts.get(place);
    this.counts.set(place, before ? { ...before, ...sum(before, more) } : more);
  }
}

const sum = (a: Count, b: Count) => ({
  requests: a.requests + b.requests,
  lastUsedAt: a.lastUsedAt > b.lastUsedAt ? a.lastUsedAt : b.lastUsedAt,
});

const columnsOf = (counts: Count[]): unknown[] => [
  counts.map(({ tenantId }) => tenantId),
  counts.map(({ keyId }) => keyId),
  counts.map(({ day }) => `${day}T00:00:00Z`),
  counts.map(({ requests }) => requests),
  counts.map(({ lastUsedAt }) => lastUsedAt),
];

/** Of all tenants, in one order, so that two processes do not wait for each other. A key that has gone meanwhile is counted no more. */
const keep: Statement = {
  name: 'api_key_usage_keep',
  text: `
    WITH counted AS (
      SELECT c.* FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::timestamptz[])
                   AS c (tenant_id, key_id, day, requests, last_used_at)
        JOIN api_keys k ON k.tenant_id = c.tenant_id AND k.id = c.key_id
       ORDER BY k.tenant_id, k.id
         FOR UPDATE OF k
    ), used AS (
      UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, c.last_used_at)
        FROM (SELECT tenant_id, key_id, max(last_used_at) AS last_used_at FROM counted GROUP BY tenant_id, key_id) c
       WHERE k.tenant_id = c.tenant_id AND k.id = c.key_id
    )
    INSERT INTO api_key_usage AS u (tenant_id, key_id, day, requests) SELECT tenant_id, key_id, day, requests FROM counted
    ON CONFLICT (tenant_id, key_id, day) DO UPDATE SET requests = u.requests + excluded.requests`,
};
