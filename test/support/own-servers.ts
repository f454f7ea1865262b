// A Postgres and a Redis of one's own: to be killed, stopped, flushed, filled. Nobody else's server is touched.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { freePort } from './server.js';

/** Where `initdb` and `postgres` are, if anywhere. */
export const postgresBinaries: string | undefined = [
  ...(existsSync('/usr/lib/postgresql')
    ? readdirSync('/usr/lib/postgresql')
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => `/usr/lib/postgresql/${version}/bin`)
    : []),
  ...pathFolders(),
].find((folder) => existsSync(path.join(folder, 'initdb')) && existsSync(path.join(folder, 'postgres')));

export const hasRedis = pathFolders().some((folder) => existsSync(path.join(folder, 'redis-server')));

function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(path.delimiter);
}

/** A process outside of the house that can be made to fail. */
abstract class OwnServer {
  protected child: ChildProcess | undefined;
  private paused: number[] = [];

  get running(): boolean {
    return this.child !== undefined;
  }

  /** kill -9, as a machine that loses its power. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child?.pid) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const family = [child.pid, ...childrenOf(child.pid)];
    for (const pid of family) signal(pid, 'SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await ended;
    // Those left behind hold the port and the shared memory a moment longer.
    while (family.some(isAlive)) await delay(20);
    this.child = undefined;
    this.paused = [];
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void {
    const pid = this.child?.pid ?? 0;
    signal(pid, 'SIGSTOP');
    this.paused = [pid, ...childrenOf(pid)];
    for (const one of this.paused) signal(one, 'SIGSTOP');
  }

  resume(): void {
    for (const pid of this.paused) signal(pid, 'SIGCONT');
    this.paused = [];
  }
}

/** Who may not run as root gets the account that the package made. */
const owner =
  process.getuid?.() === 0
    ? { uid: Number(execFileSync('id', ['-u', 'postgres'])), gid: Number(execFileSync('id', ['-g', 'postgres'])) }
    : {};

export class OwnPostgres extends OwnServer {
  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly settings: readonly string[],
  ) {
    super();
  }

  /** @param within a folder that is there already, such as a small file system. */
  static async start(settings: readonly string[] = [], within?: string): Promise<OwnPostgres> {
    const folder = within ?? mkdtempSync(path.join(tmpdir(), 'ostiary-postgres-'));
    chmodSync(folder, 0o755);
    const data = path.join(folder, 'data');
    mkdirSync(data, { mode: 0o700 });
    if (owner.uid !== undefined && owner.gid !== undefined) chownSync(data, owner.uid, owner.gid);
    const options = { ...owner, cwd: folder, stdio: 'ignore' as const };
    execFileSync(binary('initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync'], options);
    const server = new OwnPostgres(await freePort(), folder, settings);
    await server.start();
    return server;
  }

  url(database = 'postgres', port = this.port): string {
    return `postgres://postgres@127.0.0.1:${port}/${database}`;
  }

  /** Returns when it answers. */
  async start(): Promise<void> {
    const settings = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'max_connections=200',
      ...this.settings,
    ];
    const args = [
      '-D',
      path.join(this.folder, 'data'),
      '-p',
      String(this.port),
      ...settings.flatMap((one) => ['-c', one]),
    ];
    this.child = spawn(binary('postgres'), args, { ...owner, cwd: this.folder, stdio: 'ignore' });
    await untilAnswers(() => this.query('SELECT 1'), this.child);
  }

  async query<R = Record<string, unknown>>(text: string, values: unknown[] = [], database?: string): Promise<R[]> {
    const client = new Client({ connectionString: this.url(database), connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text, values)).rows as R[];
    } finally {
      await client.end().catch(() => {});
    }
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class OwnRedis extends OwnServer {
  private constructor(readonly port: number) {
    super();
  }

  static async start(): Promise<OwnRedis> {
    const server = new OwnRedis(await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Empty, as after a crash without persistence. Returns when it answers. */
  async start(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.child = spawn('redis-server', args, { cwd: tmpdir(), stdio: 'ignore' });
    await untilAnswers(() => this.command('PING'), this.child);
  }

  async command(name: string, ...args: string[]): Promise<unknown> {
    const client = new Redis(this.url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.call(name, ...args);
    } finally {
      client.disconnect();
    }
  }

  close(): Promise<void> {
    return this.kill();
  }
}

function binary(name: string): string {
  if (!postgresBinaries) throw new Error('there are no PostgreSQL binaries: install postgresql');
  return path.join(postgresBinaries, name);
}

async function untilAnswers(ask: () => Promise<unknown>, child: ChildProcess): Promise<void> {
  const started = Date.now();
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`, { cause: error });
      if (Date.now() - started > 30_000) throw error;
      await delay(50);
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
