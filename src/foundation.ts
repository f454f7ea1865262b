// What everything stands on, opened once for a process: database, Redis, caches, limits, hashing, the way out. Knows no feature;
// services.ts builds them on it.
import path from 'node:path';
import type { Config } from '../config/index.js';
import { projectRoot } from '../config/root.js';
import { BoundedCache, type CacheOptions } from './platform/cache.js';
import { type Clock, systemClock } from './platform/clock.js';
import { deriveKey, Sealer } from './platform/crypto.js';
import { createDataSource, Database } from './platform/database.js';
import { Egress } from './platform/egress.js';
import type { Embedded } from './platform/embedded.js';
import { Hasher, type HasherSettings } from './platform/hashing.js';
import { Invalidation } from './platform/invalidation.js';
import { Jobs } from './platform/jobs.js';
import { createLogger, type Logger } from './platform/logger.js';
import { RateLimits } from './platform/rate-limit.js';
import { connectRedis, type RedisConnection } from './platform/redis.js';
import { Views } from './platform/views.js';
import { entities, migrations } from './schema.js';

/** What tests replace; nothing here weakens a rule. */
export interface Foundations {
  clock?: Clock;
  logger?: Logger;
  hashing?: HasherSettings;
  /** An open database, instead of the one the configuration names. */
  connection?: Parameters<typeof createDataSource>[0]['connection'];
}

/** @throws Error when the database is not reachable, or the embedded one is in use. */
export async function openFoundation(config: Config, overrides: Foundations) {
  const clock = overrides.clock ?? systemClock;
  const logger = overrides.logger ?? createLogger({ level: config.logLevel });
  const onError = (error: unknown) => logger.error('work in the background failed', { error });
  const sealer = new Sealer(config.encryptionKeys);
  const views = new Views({ root: path.join(projectRoot, 'views'), cache: config.environment !== 'development' });

  const url = overrides.connection
    ? 'url' in overrides.connection
      ? overrides.connection.url
      : undefined
    : config.databaseUrl;
  const embedded = overrides.connection || url ? undefined : await openEmbedded(path.join(config.dataDir, 'database'));
  const connection = overrides.connection ?? (url ? { url } : { stream: (embedded as Embedded).stream });
  const dataSource = createDataSource({ connection, entities, migrations });
  await dataSource.initialize();
  const db = new Database(dataSource, onError);
  const redis: RedisConnection | undefined = config.redisUrl ? connectRedis(config.redisUrl, logger) : undefined;
  await redis?.whenUp(5_000);

  const invalidation = new Invalidation(db, { url, onError });
  const caching = {
    cache: <V>(settings: Omit<CacheOptions<V>, 'invalidation' | 'clock'>) =>
      new BoundedCache({ ...settings, invalidation, clock }),
    publish: (topic: string, key: string) => invalidation.publish(topic, key),
  };
  const workers = config.workers;
  const rateLimits = new RateLimits({
    redis: redis?.client,
    workers,
    clock,
    secret: deriveKey(config.cookieKeys[0] ?? '', 'rate-limits'),
  });
  const hasher = new Hasher({ logger, ...overrides.hashing });
  const egress = new Egress({ allow: [...config.egressAllow], timeoutMs: 5_000, maxBytes: 1024 * 1024 });

  return {
    config,
    clock,
    logger,
    sealer,
    views,
    db,
    redis,
    invalidation,
    caching,
    rateLimits,
    hasher,
    egress,
    /** One process, one connection, nobody else to tell. */
    embedded: url === undefined,

    /** Brings the database to today's shape; safe to run twice, and from several processes at once. */
    migrate: () => migrate(db),

    async close(): Promise<void> {
      await invalidation.stop();
      await hasher.stop();
      await egress.close();
      await redis?.close();
      await dataSource.destroy();
      await embedded?.close();
    },
  };
}

/** Loaded here and not above: a whole database, which production has elsewhere. */
async function openEmbedded(dataDir: string): Promise<Embedded> {
  const { openEmbedded: open } = await import('./platform/embedded.js');
  const embedded = open({ dataDir });
  await embedded.ready;
  return embedded;
}

/** One process migrates, the others wait and find nothing to do. */
async function migrate(db: Database): Promise<void> {
  const runner = db.dataSource.createQueryRunner();
  const embedded = db.pool.options.max === 1;
  try {
    // The lock belongs to a connection, so it is held on one while the migrations run on others; the embedded database has one only.
    if (!embedded) await runner.query(`SELECT pg_advisory_lock(hashtext('ostiary migrations'))`);
    else await runner.release();
    await db.dataSource.runMigrations();
    await Jobs.migrate(db.pool);
  } finally {
    if (!embedded) {
      await runner.query(`SELECT pg_advisory_unlock(hashtext('ostiary migrations'))`);
      await runner.release();
    }
  }
}
