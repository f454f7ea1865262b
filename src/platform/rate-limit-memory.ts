// Fixed windows counted in this process: without Redis, and while Redis is away. Bounded, however many keys are invented.
import type { Clock } from './clock.js';

export interface Count {
  consumed: number;
  /** Until the window or the block ends. */
  milliseconds: number;
}

interface Window {
  consumed: number;
  endsAt: number;
}

export interface WindowSettings {
  points: number;
  seconds: number;
  blockSeconds?: number | undefined;
}

/** About 10 MB per limiter. */
const keyLimit = 50_000;
const overflow = 'overflow';

export class MemoryWindows {
  private readonly windows = new Map<string, Window>();
  private sweptAt = 0;

  constructor(
    private readonly settings: WindowSettings,
    private readonly clock: Clock,
    private readonly limit = keyLimit,
  ) {}

  consume(key: string, points: number): Count {
    const { points: allowed, seconds, blockSeconds } = this.settings;
    const now = this.clock.now().getTime();
    const place = this.place(key, now);
    const before = this.live(place, now);
    const window = before ?? { consumed: 0, endsAt: now + seconds * 1000 };
    const crossed = window.consumed <= allowed && window.consumed + points > allowed;
    window.consumed += points;
    if (crossed && blockSeconds) window.endsAt = now + blockSeconds * 1000;
    this.windows.set(place, window);
    return { consumed: window.consumed, milliseconds: window.endsAt - now };
  }

  get(key: string): Count {
    const now = this.clock.now().getTime();
    const window = this.live(this.place(key, now), now);
    return window ? { consumed: window.consumed, milliseconds: window.endsAt - now } : { consumed: 0, milliseconds: 0 };
  }

  reward(key: string, points: number): void {
    const window = this.live(key, this.clock.now().getTime());
    if (window) window.consumed = Math.max(0, window.consumed - points);
  }

  delete(key: string): void {
    this.windows.delete(key);
  }

  private live(key: string, now: number): Window | undefined {
    const window = this.windows.get(key);
    return window && window.endsAt > now ? window : undefined;
  }

  /** When full, newcomers share one count: forgetting an old key instead would let a flood wash its own count away. */
  private place(key: string, now: number): string {
    if (this.windows.size < this.limit || this.windows.has(key)) return key;
    if (now - this.sweptAt >= 1_000) {
      this.sweptAt = now;
      for (const [old, window] of this.windows) if (window.endsAt <= now) this.windows.delete(old);
    }
    return this.windows.size < this.limit ? key : overflow;
  }
}
