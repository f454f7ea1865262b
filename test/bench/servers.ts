// The two that are compared, each in a process of its own: the bare engine, and this server as production starts it, with PostgreSQL and Redis.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../config/index.js';
import { projectRoot } from '../../config/root.js';
import { asDefaultTenant } from '../../src/main.js';
import { migrations } from '../../src/migrations.js';
import { createLogger } from '../../src/platform/logger.js';
import { entities } from '../../src/schema.js';
import { openServices, type Services } from '../../src/services.js';
import { type Party, password } from '../support/party.js';
import { freshDatabase } from '../support/postgres.js';
import { freePort } from '../support/server.js';
import { WebhookReceiver } from '../support/webhook-receiver.js';
import { childrenOf, otherCores, parentOf, pin, pinned, runsHere } from './machine.js';

export const resource = 'https://api.example.com';
export const redirectUri = 'https://rp.example/cb';

/** What the load needs to know of a server. */
export interface Target {
  name: 'bare' | 'ours';
  issuer: string;
  port: number;
  web: Party;
  machine: Party;
  /** Whom the sign-ins are of. */
  people: string[];
}

export interface Server extends Target {
  pid: number;
  stop(): Promise<void>;
}

export interface StartOptions {
  cores?: string | undefined;
  /** Folder that gets a CPU profile of the process when it ends. */
  profiles?: string | undefined;
}

/** A database of its own with clients and people, on which any number of servers may be started. */
export interface House extends Omit<Target, 'port' | 'name'> {
  services: Services;
  start(options?: StartOptions & { workers?: number }): Promise<Server>;
  describeStores(): Promise<Record<string, string>>;
  /** What was recorded of it all, sealed in the chain of the audit log, and told to a webhook. */
  describeRecord(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

export async function openHouse(peopleCount = 200): Promise<House> {
  const database = await freshDatabase('postgres', { entities, migrations });
  const issuer = 'https://id.bench.example';
  const receiver = await WebhookReceiver.start();
  const environment = {
    NODE_ENV: 'production',
    ISSUER: issuer,
    HOST: '127.0.0.1',
    DATABASE_URL: String(database.url),
    REDIS_URL: String(process.env.TEST_REDIS_URL),
    ENCRYPTION_KEYS: JSON.stringify({ v1: randomBytes(32).toString('base64') }),
    COOKIE_KEYS: randomBytes(32).toString('hex'),
    MAIL_URL: 'smtp://127.0.0.1:9',
    TRUST_PROXY: '127.0.0.1',
    METRICS_PORT: '0',
    EGRESS_ALLOW: '127.0.0.1',
  };
  const services = await openServices(loadConfig(environment), { logger: createLogger({ level: 'error' }) });
  await services.migrate();
  const rows = await asDefaultTenant(services, async () => {
    await services.webhooks.create(null, { url: receiver.url(), events: ['*'] });
    return furnish(services, peopleCount);
  });
  return {
    ...rows,
    issuer,
    services,
    start: ({ workers = 1, ...options } = {}) =>
      startOurs(services, { issuer, ...rows }, environment, workers, options),
    async describeStores() {
      const [settings] = (await services.db.manager.query(
        "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync",
      )) as { version: string; fsync: string }[];
      const [, redis = 'unknown'] =
        /redis_version:(\S+)/.exec((await services.redis?.client.info('server')) ?? '') ?? [];
      return { postgresql: `${settings?.version}, fsync ${settings?.fsync}`, redis };
    },
    async describeRecord() {
      const [counts] = (await services.db.manager.query(
        `SELECT (SELECT count(*) FROM audit_events)::int AS events_recorded, (SELECT count(*) FROM audit_seals)::int AS events_sealed`,
      )) as Record<string, number>[];
      return { ...counts, events_told_to_a_webhook: receiver.received.length };
    },
    async close() {
      await services.close();
      await receiver.close();
      await database.close();
    },
  };
}

async function furnish({ clients, resources, users, passwords, keys, tenants }: Services, peopleCount: number) {
  await keys.ensure((await tenants.current()).id);
  const make = async (metadata: object): Promise<Party> => {
    const { client, secret } = await clients.create({ client_name: 'Bench', ...metadata } as never);
    return { clientId: client.clientId, clientSecret: secret ?? '', redirectUri };
  };
  await resources.create({
    identifier: resource,
    name: 'API',
    scopes: [{ name: 'read', description: 'Read' }],
    access_token_format: 'jwt',
  } as never);
  const web = await make({
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    id_token_signed_response_alg: 'ES256',
  });
  const machine = await make({
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope: 'read',
  });
  const people: string[] = [];
  for (let index = 0; index < peopleCount; index += 1) {
    const email = `maria-${index}@example.com`;
    const user = await users.create({ email, email_verified: true, claims: { name: 'Maria' } } as never);
    await passwords.set(user, password);
    people.push(email);
  }
  return { web, machine, people };
}

async function startOurs(
  services: Services,
  rows: Omit<Target, 'port' | 'name'>,
  environment: Record<string, string>,
  workers: number,
  { cores, profiles }: StartOptions,
): Promise<Server> {
  const port = await freePort();
  const command = [process.execPath, ...profiling(profiles), ...startArguments()];
  const [file, args] = cores ? pinned(cores, command) : [command[0] as string, command.slice(1)];
  const child = spawn(file, args, {
    cwd: projectRoot,
    env: { PATH: process.env.PATH, ...environment, PORT: String(port), WORKERS: String(workers) },
    // Log lines are made and written as in production; nobody reads them.
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await ready(child, port);
  if (cores) await pinStores(services);
  return { name: 'ours', ...rows, port, pid: Number(child.pid), stop: () => end(child) };
}

/** Of Node.js, as `npm start` gives them in the folder of the project. */
function startArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8'));
  return scripts.start.split(' ').slice(1);
}

const profiling = (folder: string | undefined): string[] =>
  folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=1000'] : [];

export async function startBare({ web, machine, people }: House, { cores, profiles }: StartOptions): Promise<Server> {
  const port = await freePort();
  const issuer = 'https://bare.bench.example';
  const script = fileURLToPath(new URL('./bare-server.js', import.meta.url));
  const command = [process.execPath, ...profiling(profiles), script];
  const [file, args] = cores ? pinned(cores, command) : [command[0] as string, command.slice(1)];
  const settings = { issuer, resource, web, machine, redirectUri };
  const child = spawn(file, args, {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', PORT: String(port), BENCH: JSON.stringify(settings) },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  await Promise.race([once(child, 'message'), broken(child)]);
  return { name: 'bare', issuer, port, web, machine, people, pid: Number(child.pid), stop: () => end(child) };
}

async function pinStores(services: Services): Promise<void> {
  const { postgres, redis } = await storesOf(services);
  for (const pid of [...postgres, ...redis]) pin(pid, otherCores);
}

/** The processes of PostgreSQL and of Redis, where they are on this machine. */
export async function storesOf({ db, redis }: Services): Promise<{ postgres: number[]; redis: number[] }> {
  const [row] = (await db.manager.query('SELECT pg_backend_pid() AS pid')) as { pid: number }[];
  const [, pid] = /process_id:(\d+)/.exec((await redis?.client.info('server')) ?? '') ?? [];
  const postgres = runsHere(Number(row?.pid), 'postgres') ? childrenOf(parentOf(Number(row?.pid))) : [];
  return { postgres, redis: runsHere(Number(pid), 'redis-server') ? [Number(pid)] : [] };
}

/** @returns milliseconds until it served. @throws Error where it ended instead. */
export async function ready(child: ChildProcess, port: number): Promise<number> {
  const started = performance.now();
  const answered = async () => {
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      await delay(10);
    }
  };
  await Promise.race([answered(), broken(child)]);
  return performance.now() - started;
}

async function broken(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`the server ended with ${code}`);
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
