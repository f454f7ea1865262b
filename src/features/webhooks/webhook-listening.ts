// Which tenants tell anybody of what happens: most tell nobody, and their requests must not ask the database each time. Known to this process,
// and never less than there is: who is not known to be silent is asked for.
import type { Signals } from '../../platform/cache.js';
import type { Database } from '../../platform/database.js';
import { everything } from '../../platform/invalidation.js';

export const WEBHOOKS_TOPIC = 'webhooks';

/** Above so many the database is asked each time. */
const MOST_TENANTS = 50_000;
const retryMs = 1_000;

export class WebhookListening {
  /** Undefined while nobody knows. */
  private known: Set<string> | undefined;
  /** Of whom was heard while the others are being read. */
  private heard = new Set<string>();
  /** What is being read may be older than what was missed. */
  private overtaken = false;
  private loading: Promise<void> | undefined;
  private failedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly db: Database,
    private readonly signals: Signals,
    private readonly onError: (error: unknown) => void,
  ) {
    signals.subscribe(WEBHOOKS_TOPIC, (key) => this.changed(key));
  }

  /** False only where nobody listens. */
  at(tenantId: string): boolean {
    if (!this.signals.live) return true;
    if (this.known) return this.known.has(tenantId);
    if (performance.now() - this.failedAt > retryMs) void this.load();
    return true;
  }

  /** Whether anybody listens at any tenant. */
  get anywhere(): boolean {
    return !this.known || this.known.size > 0;
  }

  /** Reads who listens, off every request. Does not fail: who is not known is asked for. */
  load(): Promise<void> {
    this.loading ??= this.read().finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  private changed(key: string): void {
    if (key === everything) {
      this.known = undefined;
      this.overtaken = true;
    } else {
      this.heard.add(key);
      this.known?.add(key);
    }
    // What is being read now may be older than what was heard.
    void (this.loading ?? Promise.resolve()).then(() => this.load());
  }

  private async read(): Promise<void> {
    this.heard = new Set();
    this.overtaken = false;
    try {
      const rows = await this.db.detached(() => this.db.execute<{ tenant_id: string }>(LISTENING, [MOST_TENANTS + 1]));
      const found = new Set([...rows.map(({ tenant_id }) => tenant_id), ...this.heard]);
      this.known = rows.length > MOST_TENANTS || this.overtaken ? undefined : found;
    } catch (error) {
      this.failedAt = performance.now();
      this.known = undefined;
      this.onError(error);
    }
  }
}

const LISTENING = {
  name: 'webhooks_listening',
  text: 'SELECT DISTINCT tenant_id FROM webhook_endpoints WHERE enabled_at IS NOT NULL LIMIT $1',
};
