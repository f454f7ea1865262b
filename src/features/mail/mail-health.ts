// Whether mail would be taken now, for whoever watches: asked rarely, and nobody waits for the answer.
import type { Clock } from '../../platform/clock.js';
import type { MailDriver, MailHealth } from './mail.driver.js';

const FRESH_MS = 60_000;

export class MailHealthWatch {
  private last: MailHealth | undefined;
  private askedAt = 0;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly driver: Pick<MailDriver, 'check'>,
    private readonly clock: Clock,
  ) {}

  /** What is known, undefined at first; where that is old, it is asked for meanwhile. */
  look(): MailHealth | undefined {
    const now = this.clock.now().getTime();
    if (!this.asking && now - this.askedAt >= FRESH_MS) {
      this.askedAt = now;
      this.asking = this.ask().finally(() => {
        this.asking = undefined;
      });
    }
    return this.last;
  }

  /** As look(), for whoever has the time to wait for the first answer, or for a newer one. */
  async known(): Promise<MailHealth | undefined> {
    this.look();
    await this.asking;
    return this.last;
  }

  private async ask(): Promise<void> {
    this.last = await this.driver.check().catch(() => ({ reason: 'unknown' }));
  }
}
