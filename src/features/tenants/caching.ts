// What a feature needs of the cache: rows that are read on every request and change seldom. Built by services.ts over platform/cache.ts.

export interface Cache<V> {
  get(key: string): Promise<V | undefined>;
}

export interface Caching {
  /** A bounded cache whose entries die when their key is published under the topic. */
  cache<V>(settings: { max: number; topic: string; load: (key: string) => Promise<V | undefined> }): Cache<V>;
  /** Joins the surrounding transaction: nobody hears of a change that was rolled back. */
  publish(topic: string, key: string): Promise<void>;
}
