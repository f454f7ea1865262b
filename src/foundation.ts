// What everything stands on, opened once for a process: database, Redis, caches, limits, hashing, the way out. Knows no feature;
// services.ts builds them on it.
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import type { Config } from '../config/index.js';
import { projectRoot, version } from '../config/root.js';
import { migrations } from './migrations.js';
import { bucketLimits } from './platform/bucket.js';
import { BoundedCache, type CacheOptions } from './platform/cache.js';
import { type Clock, systemClock } from './platform/clock.js';
import { deriveKey, Sealer, secretKey } from './platform/crypto.js';
import { createDataSource } from './platform/data-source.js';
import { Database } from './platform/database.js';
import { Dns, type DnsSettings } from './platform/dns.js';
import { Egress, type EgressSettings } from './platform/egress.js';
import type { Embedded } from './platform/embedded.js';
import { Hasher, type HasherSettings, hashingShare } from './platform/hashing.js';
import { Invalidation } from './platform/invalidation.js';
import { Jobs } from './platform/jobs.js';
import { createLogger, type Logger } from './platform/logger.js';
import { RateLimits } from './platform/rate-limit.js';
import { connectRedis, type RedisConnection } from './platform/redis.js';
import { Replica } from './platform/replica.js';
import { exportTraces } from './platform/trace-export.js';
import type { Tracing } from './platform/tracing.js';
import { Views } from './platform/views.js';
import { entities } from './schema.js';

/** What tests replace; nothing here weakens a rule. */
export interface Foundations {
  clock?: Clock;
  logger?: Logger;
  hashing?: HasherSettings;
  /** Another name service, another authority, and less patience: what is called is decided as ever. */
  egress?: Partial<Pick<EgressSettings, 'lookup' | 'timeoutMs' | 'ca'>>;
  dns?: Partial<DnsSettings>;
  tracing?: Tracing;
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

  const tracing =
    overrides.tracing ?? (config.tracing ? await exportTraces(config.tracing, version, logger) : undefined);

  const url = overrides.connection
    ? 'url' in overrides.connection
      ? overrides.connection.url
      : undefined
    : config.databaseUrl;
  const embedded = overrides.connection || url ? undefined : await openEmbedded(path.join(config.dataDir, 'database'));
  // Behind a pooler in transaction mode whatever belongs to a session, LISTEN and locks among it, goes to the server itself.
  const pooler = config.databaseDirectUrl !== undefined;
  const directUrl = config.databaseDirectUrl ?? url;
  const connection = url ? { url, pooler } : (overrides.connection ?? { stream: (embedded as Embedded).stream });
  const dataSource = createDataSource({ connection, entities, migrations });
  await dataSource.initialize();
  if (pooler)
    await assertStatementTimeout(dataSource).catch((error) => dataSource.destroy().then(() => Promise.reject(error)));
  const replica = config.databaseReadUrl ? openReplica(config.databaseReadUrl, pooler, onError) : undefined;
  const db = new Database(dataSource, onError, { named: !pooler, replica, tracing });
  const redis: RedisConnection | undefined = config.redisUrl ? connectRedis(config.redisUrl, logger) : undefined;
  await redis?.whenUp(5_000);

  const invalidation = new Invalidation(db, { url: directUrl, onError });
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
    secret: secretKey(deriveKey(config.cookieKeys[0] ?? '', 'rate-limits')),
  });
  const hasher = new Hasher({ logger, processes: hashingShare(workers), ...overrides.hashing });
  const egress = new Egress({
    timeoutMs: 5_000,
    ...overrides.egress,
    allow: [...config.egressAllow],
    maxBytes: 1024 * 1024,
    tracing,
  });
  const bucket = config.auditArchiveBucket && {
    egress: new Egress({ ...overrides.egress, ...bucketLimits, allow: [...config.egressAllow] }),
    ...config.auditArchiveBucket,
  };
  const dns = new Dns({ timeoutMs: 5_000, ...overrides.dns });

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
    /** Where the record is archived, with an egress of its own: pieces are larger and take longer than the answer of a stranger. */
    bucket,
    dns,
    tracing,
    /** One process, one connection, nobody else to tell. */
    embedded: url === undefined,

    /** Set where db goes through a pooler: for those who need a session. */
    directUrl: pooler ? directUrl : undefined,

    /** Brings the database to today's shape; safe to run twice, and from several processes at once. */
    migrate: () => (directUrl ? migrateServer(directUrl) : migrateEmbedded(db)),

    async close(): Promise<void> {
      await invalidation.stop();
      await hasher.stop();
      await egress.close();
      await bucket?.egress.close();
      await redis?.close();
      await replica?.close();
      await dataSource.destroy();
      await embedded?.close();
      // Last: what was done until here is exported too.
      await tracing?.close();
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

const openReplica = (url: string, pooler: boolean, onError: (error: unknown) => void) =>
  new Replica(createDataSource({ connection: { url, pooler }, entities, migrations: [] }), onError);

/**
 * A pooler takes no settings with a connection, so this one has to come from the role.
 * @throws Error where a statement might run for ever.
 */
async function assertStatementTimeout(dataSource: DataSource): Promise<void> {
  const [{ timeout, role } = { timeout: '0', role: '' }] = await dataSource.query<{ timeout: string; role: string }[]>(
    `SELECT current_setting('statement_timeout') AS timeout, quote_ident(current_user) AS role`,
  );
  if (timeout === '0')
    throw new Error(
      `Statements through DATABASE_URL have no time limit, and a pooler takes none from us. Run once: ALTER ROLE ${role} SET statement_timeout = '15s'; then RECONNECT in PgBouncer`,
    );
}

/**
 * One process migrates, the others wait for as long as it takes and find nothing to do. Killed in the middle, the next one goes on from there.
 * On a connection of its own without a time limit; the lock shares it, so that whoever loses the one does no more of the other.
 */
async function migrateServer(url: string): Promise<void> {
  const settings = { connection: { url }, entities: [], migrations, poolSize: 2, statementTimeoutMs: 0 };
  const dataSource = await createDataSource(settings).initialize();
  try {
    const runner = dataSource.createQueryRunner();
    await holdLock(runner);
    try {
      const executor = new MigrationExecutor(dataSource, runner);
      executor.transaction = 'each';
      await executor.executePendingMigrations();
      await Jobs.migrate(new Database(dataSource).pool);
    } finally {
      await runner.query(`SELECT pg_advisory_unlock(hashtext('ostiary migrations'))`).catch(() => {});
      await runner.release();
    }
  } finally {
    await dataSource.destroy();
  }
}

/** Asked again and again: whoever waits inside a statement holds a snapshot, and CREATE INDEX CONCURRENTLY waits for all of those. */
async function holdLock(runner: QueryRunner): Promise<void> {
  const ask = `SELECT pg_try_advisory_lock(hashtext('ostiary migrations')) AS held`;
  while (!((await runner.query(ask)) as [{ held: boolean }])[0].held) await delay(200);
}

/** Nobody else is there. */
async function migrateEmbedded(db: Database): Promise<void> {
  await db.dataSource.runMigrations();
  await Jobs.migrate(db.pool);
}
