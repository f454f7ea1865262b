// What is read far more often than it changes, kept in memory, bounded, and dropped when invalidation.ts says that it changed.
import type { Clock } from './clock.js';
import { everything } from './invalidation.js';

/** What a cache needs of Invalidation. */
export interface Signals {
  readonly live: boolean;
  readonly inTransaction?: boolean;
  subscribe(topic: string, listener: (key: string) => void): () => void;
}

export interface CacheOptions<V> {
  /** Entries at most; the one not asked for longest leaves first. */
  max: number;
  /** The truth. Keys of tenant-owned rows carry the tenant. undefined means that there is none. */
  load: (key: string) => Promise<V | undefined>;
  topic: string;
  invalidation: Signals;
  clock: Clock;
}

interface Entry<V> {
  value: V | undefined;
  /** When its load began, in milliseconds: it may have changed at any time after. */
  since: number;
}

interface Flight<V> {
  result: Promise<V | undefined>;
}

/** How old an absence may be, and any answer while changes are not heard. */
const briefMs = 1_000;

export class BoundedCache<V> {
  private readonly entries = new Map<string, Entry<V>>();
  private readonly flights = new Map<string, Flight<V>>();

  constructor(private readonly options: CacheOptions<V>) {
    options.invalidation.subscribe(options.topic, (key) => this.drop(key));
  }

  /** @throws what load throws; an error is never kept. */
  async get(key: string): Promise<V | undefined> {
    // A transaction sees its own rows before they are true for others, and may take them back.
    if (this.options.invalidation.inTransaction) return this.options.load(key);
    const entry = this.entries.get(key);
    if (entry && this.isFresh(entry)) {
      this.keep(key, entry);
      return entry.value;
    }
    return (this.flights.get(key) ?? this.depart(key)).result;
  }

  /** Forgets one key, or all of them for `*`; a load under way still answers who waits for it, but is not kept. */
  drop(key: string): void {
    if (key === everything) {
      this.entries.clear();
      this.flights.clear();
    } else {
      this.entries.delete(key);
      this.flights.delete(key);
    }
  }

  get size(): number {
    return this.entries.size;
  }

  private depart(key: string): Flight<V> {
    const since = this.now();
    const flight: Flight<V> = { result: this.options.load(key) };
    this.flights.set(key, flight);
    flight.result.then(
      (value) => this.land(key, flight, { value, since }),
      () => this.land(key, flight),
    );
    return flight;
  }

  /** A flight that is no longer listed was overtaken by an invalidation. */
  private land(key: string, flight: Flight<V>, entry?: Entry<V>): void {
    if (this.flights.get(key) !== flight) return;
    this.flights.delete(key);
    if (entry) this.keep(key, entry);
  }

  private keep(key: string, entry: Entry<V>): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
    if (this.entries.size <= this.options.max) return;
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }

  private isFresh({ value, since }: Entry<V>): boolean {
    if (value !== undefined && this.options.invalidation.live) return true;
    return Math.abs(this.now() - since) < briefMs;
  }

  private now(): number {
    return this.options.clock.now().getTime();
  }
}
