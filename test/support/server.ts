// The real server on a free port, with a database of its own. Only what lies outside the house is replaced, and what would be slow.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { Writable } from 'node:stream';
import { type Config, loadConfig } from '../../config/index.js';
import { limits } from '../../config/protocol.js';
import { asDefaultTenant, type Running, start } from '../../src/main.js';
import { migrations } from '../../src/migrations.js';
import { createLogger } from '../../src/platform/logger.js';
import { entities } from '../../src/schema.js';
import type { Overrides, Services } from '../../src/services.js';
import { keepToOneConnection } from './one-connection.js';
import { freshDatabase, type Kind } from './postgres.js';
import { defaultKind } from './run-on.js';

export { defaultKind, runsBesidePostgres } from './run-on.js';

/** One address makes all requests here; the limits themselves have tests of their own. */
const roomy = Object.fromEntries(
  Object.entries(limits).map(([name, { seconds }]) => [name, { points: 100_000, seconds }]),
);

export interface TestServer {
  issuer: string;
  services: Services;
  /** Every line the server has logged. */
  log: string[];
  /** Runs work as the default tenant, without HTTP. */
  inside<T>(work: (services: Services) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface TestServerOptions {
  /** embedded unless TEST_DATABASE_URL is set and nothing else is asked for. */
  kind?: Kind;
  environment?: Record<string, string>;
  overrides?: Overrides;
  /** Logs errors only: for thousands of requests whose lines nobody reads. */
  quiet?: boolean;
}

/** Fast enough for hundreds of sign-ins; the real parameters are tested where hashing is. */
export const cheapHashing = { parameters: { timeCost: 1, memoryCost: 1024, parallelism: 1 }, processes: 1 };

export async function startServer({
  kind = defaultKind,
  environment = {},
  overrides = {},
  quiet = false,
}: TestServerOptions = {}): Promise<TestServer> {
  const database = await freshDatabase(kind, { entities, migrations });
  const port = await freePort();
  const log: string[] = [];
  const redis = kind === 'postgres' ? process.env.TEST_REDIS_URL : undefined;
  const config = testConfig({
    ISSUER: `http://localhost:${port}`,
    ...(redis ? { REDIS_URL: redis } : {}),
    ...environment,
  });
  const running: Running = await start(config, {
    connection: database.settings.connection,
    limits: roomy,
    hashing: cheapHashing,
    logger: createLogger({ level: quiet ? 'error' : 'debug', stream: collector(log) }),
    ...overrides,
  });
  const second = keepToOneConnection(running.services.db);
  return {
    issuer: config.issuer,
    services: running.services,
    log,
    inside: (work) => asDefaultTenant(running.services, () => work(running.services)),
    async close() {
      await running.close();
      await database.close();
      if (second.length > 0) throw new Error(second.join('\n'));
    },
  };
}

export function testConfig(environment: Record<string, string>): Config {
  return loadConfig({
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    ENCRYPTION_KEYS: JSON.stringify({ v1: Buffer.alloc(32, 7).toString('base64') }),
    // Its own for each server: limits in a shared Redis are counted under it.
    COOKIE_KEYS: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'debug',
    ...environment,
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

const collector = (lines: string[]) =>
  new Writable({
    write(chunk, _encoding, done) {
      lines.push(...String(chunk).split('\n').filter(Boolean));
      done();
    },
  });
