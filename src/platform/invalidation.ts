// Tells every process what has changed: NOTIFY inside the transaction of the change, so it is heard after the commit or never.
// Handed off to: cache.ts, and whoever else keeps something in memory.
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { Database } from './database.js';

type Listener = (key: string) => void;

export interface InvalidationOptions {
  /** The server to listen on, over a connection of its own; absent on the embedded database, which has no other process to tell. */
  url?: string | undefined;
  onError?: (error: unknown) => void;
}

/** To a subscriber: anything may have changed. */
export const everything = '*';

const channel = 'ostiary_invalidation';
/** NOTIFY refuses payloads of 8000 bytes. */
const maxPayloadBytes = 7_900;
const pingMs = 1_000;
const backOffMs = { first: 100, most: 5_000 };

export class Invalidation {
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly stopping = new AbortController();
  private readonly url: string | undefined;
  private readonly onError: (error: unknown) => void;
  private client: Client | undefined;
  private running: Promise<void> | undefined;
  private listening = false;

  constructor(
    private readonly database: Database,
    { url, onError = () => {} }: InvalidationOptions = {},
  ) {
    this.url = url;
    this.onError = onError;
  }

  /** True while changes of other processes are heard; while false, what is kept must be looked up again every second. */
  get live(): boolean {
    return this.url === undefined || this.listening;
  }

  /** Inside a transaction rows are seen that nobody else may see yet. */
  get inTransaction(): boolean {
    return this.database.inTransaction;
  }

  /** Joins the surrounding transaction. This process hears it as soon as that has committed. */
  async publish(topic: string, key: string): Promise<void> {
    if (this.url !== undefined) {
      let payload = JSON.stringify([topic, key]);
      if (Buffer.byteLength(payload) > maxPayloadBytes) payload = JSON.stringify([topic, everything]);
      await this.database.manager.query('SELECT pg_notify($1, $2)', [channel, payload]);
    }
    await this.database.afterCommit(() => this.tell(topic, key));
  }

  /** @returns how to end the subscription. */
  subscribe(topic: string, listener: Listener): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Resolves when the first attempt to listen has been made, whatever came of it. */
  async start(): Promise<void> {
    const { url } = this;
    if (url === undefined || this.running) return;
    await new Promise<void>((tried) => {
      this.running = this.keepListening(url, tried);
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    // A server that vanished without a word answers no farewell either.
    await Promise.race([this.client?.end().catch(this.onError), delay(pingMs, undefined, { ref: false })]);
    await this.running;
  }

  private async keepListening(url: string, tried: () => void): Promise<void> {
    const { signal } = this.stopping;
    let wait = backOffMs.first;
    while (!signal.aborted) {
      try {
        await this.listen(url, () => {
          wait = backOffMs.first;
          tried();
        });
      } catch (error) {
        if (!signal.aborted) this.onError(error);
      }
      this.listening = false;
      tried();
      // Spread out, so that a server coming back is not met by all processes at once.
      await delay(wait * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
      wait = Math.min(wait * 2, backOffMs.most);
    }
  }

  /** Returns or throws when the connection has ended. */
  private async listen(url: string, connected: () => void): Promise<void> {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: pingMs });
    this.client = client;
    const ended = new Promise<void>((resolve, reject) => {
      client.once('end', resolve);
      client.on('error', reject);
    });
    // Whoever sees the failure first reports it, below or in the ping.
    ended.catch(() => {});
    client.on('notification', ({ payload }) => this.hear(payload));
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      this.listening = true;
      // What changed while nobody listened was not heard.
      for (const topic of this.listeners.keys()) this.tell(topic, everything);
      connected();
      await this.pingUntil(client, ended);
    } finally {
      this.listening = false;
      if (!this.stopping.signal.aborted) client.end().catch(() => {});
    }
  }

  /** A connection cut on the way says nothing: without a question each second we would believe ourselves informed. */
  private async pingUntil(client: Client, ended: Promise<void>): Promise<void> {
    for (;;) {
      const timer = new AbortController();
      const pause = delay(pingMs, 'pause' as const, { signal: timer.signal }).catch(() => 'pause' as const);
      const outcome = await Promise.race([ended.then(() => 'ended' as const), pause]).finally(() => timer.abort());
      if (outcome === 'ended') return;
      await client.query('SELECT 1');
    }
  }

  private hear(payload: string | undefined): void {
    try {
      const [topic, key] = JSON.parse(payload ?? '') as [string, string];
      this.tell(topic, key);
    } catch (error) {
      this.onError(error);
    }
  }

  private tell(topic: string, key: string): void {
    for (const listener of this.listeners.get(topic) ?? []) {
      try {
        listener(key);
      } catch (error) {
        this.onError(error);
      }
    }
  }
}
