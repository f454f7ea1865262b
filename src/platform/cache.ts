// What is read far more often than it changes, kept in memory, bounded, and dropped when invalidation.ts says that it changed.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './clock.js';
import { currentContext, withContext } from './context.js';
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
  /** When it began, by performance.now(). */
  since: number;
  result: Promise<V | undefined>;
}

/** How old an absence may be, and any answer while changes are not heard. */
const briefMs = 1_000;
/** How long a request for what is published waits for the truth. */
const patienceMs = 500;
/** Kept only for those: to all others it must be loaded again. */
const stale = Number.NEGATIVE_INFINITY;

export class BoundedCache<V> {
  private readonly entries = new Map<string, Entry<V>>();
  private readonly flights = new Map<string, Flight<V>>();

  constructor(private readonly options: CacheOptions<V>) {
    options.invalidation.subscribe(options.topic, (key) => this.drop(key));
  }

  /** @throws what load throws, unless the request asks for what is published and was known before; an error is never kept. */
  async get(key: string): Promise<V | undefined> {
    // A transaction sees its own rows before they are true for others, and may take them back.
    if (this.options.invalidation.inTransaction) return this.options.load(key);
    const entry = this.entries.get(key);
    if (entry && this.isFresh(entry)) {
      // Half empty, nothing leaves soon: the order can wait.
      if (this.entries.size > this.options.max / 2) this.keep(key, entry);
      return entry.value;
    }
    const flight = this.flights.get(key) ?? this.depart(key);
    // That there was none is no answer of the issuer's.
    const known = entry?.value !== undefined && currentContext()?.published;
    return known ? this.orLastKnown(flight, entry) : flight.result;
  }

  /** Discovery and keys outlive the database: where it is away or silent, what was last read is told. */
  private orLastKnown(flight: Flight<V>, { value }: Entry<V>): Promise<V | undefined> {
    const left = Math.max(0, flight.since + patienceMs - performance.now());
    return Promise.race([flight.result.catch(() => value), delay(left, value, { ref: false })]);
  }

  /** Forgets one key, or believes none any more for `*`; a load under way still answers who waits for it, but is not kept. */
  drop(key: string): void {
    if (key === everything) {
      for (const entry of this.entries.values()) entry.since = stale;
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
    // What is loaded is for everybody, whoever asks first: nothing of it may be older than the asking.
    const result = withContext({ published: false }, () => this.options.load(key));
    const flight: Flight<V> = { since: performance.now(), result };
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
    if (since === stale) return false;
    if (value !== undefined && this.options.invalidation.live) return true;
    return Math.abs(this.now() - since) < briefMs;
  }

  private now(): number {
    return this.options.clock.now().getTime();
  }
}
