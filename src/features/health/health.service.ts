// Owns what is known of the health of this process and of what it stands on: asked side by side, each for a second at most, and since when it has been so.
// Hands off to: health.checks.ts, one function for each.
import type { Clock } from '../../platform/clock.js';
import type { Found } from './health.checks.js';

export type Checks = Readonly<Record<string, () => Promise<Found>>>;

export interface Checked extends Found {
  /** Milliseconds until it answered. */
  latency: number;
  /** Since when this process has known it so. */
  since: Date;
}

const patienceMs = 1_000;

export class Health {
  readonly startedAt: Date;
  /** By tenant and name: signing keys are each tenant's own. */
  private readonly known = new Map<string, { status: Found['status']; since: Date }>();

  constructor(
    private readonly checks: Checks,
    private readonly clock: Clock,
    private readonly patience = patienceMs,
  ) {
    this.startedAt = clock.now();
  }

  get uptimeSeconds(): number {
    return Math.floor((this.clock.now().getTime() - this.startedAt.getTime()) / 1000);
  }

  /** Never rejects, and takes no longer than one check may. */
  async look(tenantId: string): Promise<Record<string, Checked>> {
    const found = Object.entries(this.checks).map(async ([name, check]) => {
      const started = performance.now();
      const one = await this.inTime(check);
      const latency = Math.round(performance.now() - started);
      return [name, { ...one, latency, since: this.since(`${tenantId} ${name}`, one.status) }] as const;
    });
    return Object.fromEntries(await Promise.all(found));
  }

  private async inTime(check: () => Promise<Found>): Promise<Found> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Found>((resolve) => {
      const detail = `It has not answered within ${this.patience / 1000} s`;
      timer = setTimeout(() => resolve({ status: 'configured', detail }), this.patience);
    });
    // Why it failed may name a host or a user.
    const failed = (): Found => ({ status: 'misconfigured', detail: 'It is set up and does not answer' });
    try {
      return await Promise.race([check().catch(failed), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private since(key: string, status: Found['status']): Date {
    const before = this.known.get(key);
    if (before?.status === status) return before.since;
    const since = this.clock.now();
    this.known.set(key, { status, since });
    return since;
  }
}
