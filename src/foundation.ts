// What everything stands on, opened once for a process: database, Redis, caches, limits, hashing, the way out. Knows no feature;
// services.ts builds them on it.
import path from 'node:path';
import { MigrationExecutor } from 'typeorm';
import type { Config } from '../config/index.js';
import { projectRoot } from '../config/root.js';
import { BoundedCache, type CacheOptions } from './platform/cache.js';
import { type Clock, systemClock } from './platform/clock.js';
import { deriveKey, Sealer } from './platform/crypto.js';
import { createDataSource, Database, withoutTimeouts } from './platform/database.js';
import { Egress } from './platform/egress.js';
import { type Embedded, openEmbedded } from './platform/embedded.js';
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
  const embedded: Embedded | undefined =
    overrides.connection || url ? undefined : openEmbedded({ dataDir: path.join(config.dataDir, 'database') });
  await embedded?.ready;
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

/** One process migrates, the others wait for as long as it takes and find nothing to do. Killed in the middle, the next one goes on from there. */
async function migrate(db: Database): Promise<void> {
  if (db.pool.options.max === 1) {
    // The embedded database has one connection, and no second process to wait for.
    await db.dataSource.runMigrations();
    return Jobs.migrate(db.pool);
  }
  const runner = db.dataSource.createQueryRunner();
  try {
    const restore = await withoutTimeouts(runner);
    try {
      // Lock and migrations share a connection: whoever loses the one does no more of the other.
      await runner.query(`SELECT pg_advisory_lock(hashtext('ostiary migrations'))`);
      const executor = new MigrationExecutor(db.dataSource, runner);
      executor.transaction = 'each';
      await executor.executePendingMigrations();
      await Jobs.migrate(db.pool);
    } finally {
      await runner.query(`SELECT pg_advisory_unlock(hashtext('ostiary migrations'))`).then(restore, () => {});
    }
  } finally {
    await runner.release();
  }
}
