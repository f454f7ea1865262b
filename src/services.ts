// What the server knows and does, wired lowest first: platform, then features. No door is opened here; app.ts and the command line build on it.
import path from 'node:path';
import { z } from 'zod';
import type { Config } from '../config/index.js';
import { lifetimes, limits } from '../config/protocol.js';
import { projectRoot } from '../config/root.js';
import { IdempotencyKeys } from './api/idempotency.js';
import { AuditLog } from './features/audit/audit.service.js';
import { ClientService } from './features/clients/client.service.js';
import { ClientLookup } from './features/clients/client-lookup.js';
import { RegisteredClients } from './features/clients/registered-clients.js';
import { LOCKED_TASK, Locked, sendLockNotice } from './features/credentials/lock-notice.js';
import { Lockout } from './features/credentials/lockout.js';
import { PasswordService } from './features/credentials/password.service.js';
import { PasswordLinks } from './features/credentials/password-links.js';
import { KeyService } from './features/keys/key.service.js';
import { MailService, SEND_TASK, SendMail } from './features/mail/mail.service.js';
import { mailboxTransport, smtpTransport } from './features/mail/mail.transport.js';
import { OneTimeTokens } from './features/one-time-tokens/one-time-token.service.js';
import { Protocol } from './features/protocol/protocol.js';
import { ShortLivedRows } from './features/protocol/short-lived-rows.js';
import { sweepProtocol } from './features/protocol/sweeper.js';
import { ResourceService } from './features/resources/resource.service.js';
import { SetupService } from './features/setup/setup.service.js';
import type { Caching } from './features/tenants/caching.js';
import type { Tenant } from './features/tenants/tenant.entity.js';
import { TenantService } from './features/tenants/tenant.service.js';
import { UserService } from './features/users/user.service.js';
import { managementApi, managementScopes, mayChangePrivileged, mayGrant } from './management.js';
import { BoundedCache } from './platform/cache.js';
import { type Clock, systemClock } from './platform/clock.js';
import { deriveKey, Sealer } from './platform/crypto.js';
import { createDataSource, Database } from './platform/database.js';
import { Egress } from './platform/egress.js';
import { type Embedded, openEmbedded } from './platform/embedded.js';
import { Hasher, type HasherSettings } from './platform/hashing.js';
import { Invalidation } from './platform/invalidation.js';
import { Jobs, task } from './platform/jobs.js';
import { createLogger, type Logger } from './platform/logger.js';
import { RateLimits } from './platform/rate-limit.js';
import { connectRedis, type RedisConnection } from './platform/redis.js';
import { Views } from './platform/views.js';
import { entities, migrations } from './schema.js';

/** What tests replace; nothing here weakens a rule. */
export interface Overrides {
  clock?: Clock;
  logger?: Logger;
  hashing?: HasherSettings;
  /** An open database, instead of the one the configuration names. */
  connection?: Parameters<typeof createDataSource>[0]['connection'];
  limits?: Partial<Record<keyof typeof limits, { points: number; seconds: number }>>;
}

export type Services = Awaited<ReturnType<typeof openServices>>;

/** Opens the database and everything that stands on it. @throws Error when the database is not reachable, or the embedded one is in use. */
export async function openServices(config: Config, overrides: Overrides = {}) {
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
  const caching: Caching = {
    cache: (settings) => new BoundedCache({ ...settings, invalidation, clock }),
    publish: (topic, key) => invalidation.publish(topic, key),
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

  const audit = new AuditLog(db, clock);
  const tenants = new TenantService(db, audit, sealer, caching, clock);
  const keys = new KeyService(db, audit, sealer, clock);
  const shortLived = redis && new ShortLivedRows(redis.client, clock);
  const protocol = new Protocol(db, sealer, audit, clock, lifetimes, shortLived);
  const users = new UserService(db, audit, clock, {
    async ended({ id }) {
      await protocol.sessions.endAll(id, 'account_ended');
      await protocol.grants.endAll({ accountId: id }, 'account_ended');
    },
    mayChangePrivileged,
  });
  const oneTimeTokens = new OneTimeTokens(db, clock);
  const lockout = new Lockout(db, clock);
  const tasks = {
    [SEND_TASK]: task({ schema: SendMail, run: (payload) => mail.deliver(payload) }),
    [LOCKED_TASK]: task({ schema: Locked, run: (payload) => sendLockNotice(payload, users, mail) }),
    sweep: task({
      schema: z.object({}),
      every: 60,
      async run() {
        await sweepProtocol(db, clock);
        await oneTimeTokens.sweep();
        await lockout.sweep();
        await new IdempotencyKeys(db, sealer, clock).sweep();
      },
    }),
  };
  const jobs: Jobs = new Jobs(db, tasks, {
    embedded: url === undefined,
    concurrency: url === undefined ? 1 : 4,
    logger,
  });
  const renderMail = async (template: string, locale: string, data: object) => {
    const tenant = await tenants.current();
    return views.email(`emails/${template}`, data, {
      locale: views.locales.pick(locale),
      brand: { name: tenant.settings.branding.company_name ?? tenant.name },
    });
  };
  const transport = config.mailUrl
    ? smtpTransport(config.mailUrl, `no-reply@${new URL(config.issuer).hostname}`)
    : mailboxTransport();
  const mail: MailService = new MailService(db, jobs, sealer, renderMail, transport, clock);
  const passwords: PasswordService = new PasswordService(
    db,
    audit,
    tenants,
    users,
    lockout,
    oneTimeTokens,
    hasher,
    clock,
    {
      async passwordChanged({ id }) {
        await protocol.sessions.endAll(id, 'password_changed');
        await protocol.grants.endAll({ accountId: id }, 'logout');
      },
      locked: (lock) => jobs.enqueue(LOCKED_TASK, lock),
    },
  );
  const linkOf = (tenant: Tenant, token: string) => `${tenant.issuer(config.issuer)}/password?token=${token}`;
  const passwordLinks = new PasswordLinks(db, audit, tenants, users, passwords, oneTimeTokens, mail, linkOf);
  const lookup = new ClientLookup(db, caching, clock);
  const clientHooks = {
    async ended({ clientId }: { clientId: string }) {
      await protocol.grants.endAll({ clientId }, 'client_ended');
    },
    mayGrant,
  };
  const clients = new ClientService(
    db,
    audit,
    lookup,
    clock,
    { production: config.environment === 'production' },
    clientHooks,
  );
  const registeredClients = new RegisteredClients(db, audit, lookup, clock, clientHooks);
  const setup = new SetupService(
    db,
    audit,
    tenants,
    users,
    passwords,
    clients,
    oneTimeTokens,
    Object.keys(managementScopes),
  );
  const resources = new ResourceService(db, audit, tenants, caching, clock, (tenant) => [
    managementApi(tenant.issuer(config.issuer)),
  ]);

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
    audit,
    tenants,
    keys,
    protocol,
    users,
    oneTimeTokens,
    jobs,
    mail,
    passwords,
    passwordLinks,
    clients,
    registeredClients,
    resources,
    setup,
    limits: { ...limits, ...overrides.limits },

    /** Brings the database to today's shape; safe to run twice, and from several processes at once. */
    async migrate(): Promise<void> {
      await migrate(db);
    },

    async close(): Promise<void> {
      await jobs.stop();
      await invalidation.stop();
      await hasher.stop();
      await egress.close();
      transport.close();
      await redis?.close();
      await dataSource.destroy();
      await embedded?.close();
    },
  };
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
