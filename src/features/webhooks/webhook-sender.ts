// Tells endpoints what was noted for them. A loop of its own beside the jobs, because receivers may hang: what waits for one of them takes no
// place that a letter needs. Runs in each process that does jobs. Hands off to: webhook-claims.ts (what is due), webhook-attempts.ts (one try).
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../platform/clock.js';
import { runInContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { Logger } from '../../platform/logger.js';
import type { WebhookAttempts } from './webhook-attempts.js';
import { type Claimed, claimDue } from './webhook-claims.js';
import type { WebhookListening } from './webhook-listening.js';

/** At once, of one process. */
const MOST_AT_ONCE = 50;
/** What other processes have written is found by looking. */
const LOOK_MS = 1_000;

export class WebhookSender {
  private readonly underWay = new Map<Claimed, Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly hurry = new AbortController();
  private running: Promise<void> | undefined;
  private wakeUp: () => void = () => {};
  private woken = false;

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly listening: Pick<WebhookListening, 'anywhere'>,
    private readonly attempts: Pick<WebhookAttempts, 'make' | 'giveBack'>,
    private readonly logger: Pick<Logger, 'error'>,
  ) {}

  start(): void {
    this.running ??= this.loop();
  }

  /** There may be something to send. */
  wake(): void {
    this.woken = true;
    this.wakeUp();
  }

  /** Takes nothing further, waits for what is under way, and gives back what takes too long. */
  async stop(patienceMs = 10_000): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.running;
    const impatient = setTimeout(() => this.hurry.abort(), patienceMs);
    await Promise.all(this.underWay.values());
    clearTimeout(impatient);
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.woken = false;
      await this.round();
      await this.rest();
    }
  }

  private async round(): Promise<void> {
    const room = MOST_AT_ONCE - this.underWay.size;
    if (!this.listening.anywhere || room <= 0) return;
    try {
      const found = await claimDue(this.db, this.clock.now(), room, this.underWay.keys());
      for (const claimed of found) this.begin(claimed);
    } catch (error) {
      this.logger.error('what is due for webhooks could not be looked for', { error });
    }
  }

  private begin(claimed: Claimed): void {
    const context = {
      requestId: `webhook:${claimed.event_id}`,
      tenantId: claimed.tenant_id,
      actor: { type: 'system' as const, id: 'webhooks' },
    };
    const { signal } = this.hurry;
    const work = runInContext(context, () => this.attempts.make(claimed, signal))
      // It is tried again when its time is over, as though this process had died.
      .catch((error: unknown) => this.logger.error('a webhook could not be sent', { error }))
      .finally(() => {
        this.underWay.delete(claimed);
        // There is room again.
        this.wake();
      });
    this.underWay.set(claimed, work);
  }

  private async rest(): Promise<void> {
    if (this.woken) return;
    const woken = new AbortController();
    this.wakeUp = () => woken.abort();
    await delay(LOOK_MS, undefined, { signal: woken.signal, ref: false }).catch(() => {});
  }
}
