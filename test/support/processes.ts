// Several processes of the real server on one Postgres and one Redis, behind no balancer: tests choose which one they ask.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { asDefaultTenant } from '../../src/main.js';
import { migrations } from '../../src/migrations.js';
import { createLogger } from '../../src/platform/logger.js';
import { entities } from '../../src/schema.js';
import { openServices, type Services } from '../../src/services.js';
import { freshDatabase, type TestDatabase } from './postgres.js';
import { cheapHashing, freePort, testConfig } from './server.js';

export interface ServerProcess {
  child: ChildProcess;
  /** Where this process listens; its issuer is the same as that of the others. */
  port: number;
  /** What it printed. */
  log: string[];
}

export interface Processes {
  issuer: string;
  members: ServerProcess[];
  /** The environment of each process. */
  settings: Record<string, string>;
  database: TestDatabase;
  /** The same database from this process, without HTTP. */
  services: Services;
  inside<T>(work: (services: Services) => Promise<T>): Promise<T>;
  /** fetch, to one of the processes: address, method and Host header as if a balancer had chosen it. */
  ask(index: number, path: string, init?: RequestInit): Promise<Response>;
  /**
   * @param change of the environment the others have.
   * @param output where it prints, instead of into its log.
   * @param signal kills it (kill -9), also while it starts.
   */
  spawn(change?: Record<string, string>, output?: number, signal?: AbortSignal): Promise<ServerProcess>;
  close(): Promise<void>;
}

/** What to tell the processes; asked with their database, where it depends on that. */
export type Environment = Record<string, string> | ((database: TestDatabase) => Promise<Record<string, string>>);
/** Those of testConfig. */
const encryptionKeys = JSON.stringify({ v1: Buffer.alloc(32, 7).toString('base64') });

/** What lies outside the house: servers, and where there is something in between, the ports by which the processes reach them. */
export interface Outside {
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  databasePort?: number;
  redisPort?: number;
  /** A database that is there, instead of a fresh one. */
  database?: TestDatabase;
}

export const ofEnvironment: Outside = {
  databaseUrl: process.env.TEST_DATABASE_URL,
  redisUrl: process.env.TEST_REDIS_URL,
};

export async function startProcesses(
  count: number,
  environment: Environment = {},
  outside = ofEnvironment,
): Promise<Processes> {
  const database = outside.database ?? (await freshDatabase('postgres', { entities, migrations }, outside.databaseUrl));
  const issuer = `http://localhost:${await freePort()}`;
  const settings = {
    ISSUER: issuer,
    DATABASE_URL: String(database.url),
    REDIS_URL: String(outside.redisUrl),
    PORT: '0',
    COOKIE_KEYS: randomBytes(32).toString('hex'),
    ...(typeof environment === 'function' ? await environment(database) : environment),
  };
  const config = testConfig(settings);
  const quiet = createLogger({ level: 'error', stream: new Writable({ write: (_chunk, _encoding, done) => done() }) });
  const services = await openServices(config, { hashing: cheapHashing, logger: quiet });
  await services.migrate();
  await services.tenants.ensureDefault();
  await services.invalidation.start();

  const members: ServerProcess[] = [];
  const spawn = async (change: Record<string, string> = {}, output?: number, signal?: AbortSignal) => {
    const environment = {
      ...settings,
      DATABASE_URL: through(settings.DATABASE_URL, outside.databasePort),
      REDIS_URL: through(settings.REDIS_URL, outside.redisPort),
      ...change,
    };
    const member = await launch(environment, output, signal);
    members.push(member);
    return member;
  };
  await Promise.all(Array.from({ length: count }, () => spawn()));

  return {
    issuer,
    members,
    settings: { ENCRYPTION_KEYS: encryptionKeys, ...settings },
    database,
    services,
    inside: (work) => asDefaultTenant(services, () => work(services)),
    ask(index, path, init = {}) {
      const member = members[index];
      if (!member) throw new Error(`there is no process ${index}`);
      return askPort(member.port, issuer, path, init);
    },
    spawn,
    async close() {
      for (const { child } of members) child.kill('SIGKILL');
      await services.close();
      await database.close();
    },
  };
}

function through(address: string, port: number | undefined): string {
  const url = new URL(address);
  if (port) url.port = String(port);
  return url.href;
}

export function launch(
  settings: Record<string, string>,
  output?: number,
  signal?: AbortSignal,
): Promise<ServerProcess> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./server-process.js', import.meta.url)), {
      env: {
        PATH: process.env.PATH,
        NODE_ENV: 'test',
        HOST: '127.0.0.1',
        ENCRYPTION_KEYS: encryptionKeys,
        ...settings,
      },
      execArgv: [],
      stdio: ['ignore', output ?? 'pipe', 'pipe', 'ipc'],
    });
    const log: string[] = [];
    signal?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    child.stdout?.on('data', (chunk) => log.push(String(chunk)));
    child.stderr?.on('data', (chunk) => log.push(String(chunk)));
    child.once('message', (message) => resolve({ child, port: (message as { port: number }).port, log }));
    child.once('exit', (code) => reject(new Error(`a server process ended with ${code}:\n${log.join('')}`)));
  });
}

/** Connects to the port and asks as for the issuer: `fetch` would not let us say the Host header. */
export async function askPort(port: number, issuer: string, path: string, init: RequestInit): Promise<Response> {
  const { request } = await import('undici');
  const headers = Object.fromEntries(new Headers(init.headers).entries());
  const body = init.body instanceof URLSearchParams ? init.body.toString() : (init.body as string | undefined);
  if (init.body instanceof URLSearchParams) headers['content-type'] ??= 'application/x-www-form-urlencoded';
  const answer = await request(`http://127.0.0.1:${port}${path}`, {
    method: (init.method ?? 'GET') as 'GET',
    headers: { ...headers, host: new URL(issuer).host },
    ...(body === undefined ? {} : { body }),
  });
  const answered = new Headers();
  for (const [name, value] of Object.entries(answer.headers))
    for (const one of [value ?? []].flat()) answered.append(name, one);
  const text = await answer.body.text();
  return new Response(answer.statusCode === 204 || answer.statusCode === 304 ? null : text, {
    status: answer.statusCode,
    headers: answered,
  });
}
