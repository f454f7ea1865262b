// A PgBouncer of the tests, in transaction mode and with fewer connections than ask for one, so that each transaction may get another.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { until } from './pair.js';
import { freePort } from './server.js';

const binary = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find(existsSync);
export const pgbouncerIsHere = binary !== undefined;

export interface PgBouncer {
  /** The same database, through it. */
  through(url: string): string;
  /** Transactions that went through it to the database. */
  transactions(url: string): Promise<number>;
  close(): Promise<void>;
}

export async function startPgBouncer(server: string): Promise<PgBouncer> {
  const { hostname, port: serverPort, username, password } = new URL(server);
  const folder = await mkdtemp(path.join(tmpdir(), 'ostiary-pgbouncer-'));
  const port = await freePort();
  const users = path.join(folder, 'users.txt');
  const settings = path.join(folder, 'pgbouncer.ini');
  const secret = password ? ` password=${decodeURIComponent(password)}` : '';
  await writeFile(users, `"${username}" "${decodeURIComponent(password)}"\n`);
  await writeFile(
    settings,
    [
      '[databases]',
      `* = host=${hostname} port=${serverPort || 5432}${secret}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = trust',
      `auth_file = ${users}`,
      `admin_users = ${username}`,
      'pool_mode = transaction',
      'default_pool_size = 4',
      'max_client_conn = 200',
      '',
    ].join('\n'),
  );
  // It refuses to run as root, and whom it becomes must be able to read.
  const root = process.getuid?.() === 0;
  await chmod(folder, 0o755);
  const child = spawn(String(binary), [...(root ? ['-u', 'nobody'] : []), settings], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const admin = async () => {
    const client = new Client({ host: '127.0.0.1', port, user: username, database: 'pgbouncer' });
    await client.connect();
    return client;
  };
  await until('PgBouncer answers', () =>
    admin().then(
      (client) => client.end().then(() => true),
      () => new Promise((resolve) => setTimeout(resolve, 50, false)),
    ),
  );
  return {
    through(url) {
      const here = new URL(url);
      here.host = `127.0.0.1:${port}`;
      return here.href;
    },
    async transactions(url) {
      const client = await admin();
      try {
        const { rows } = await client.query<{ database: string; total_xact_count: string }>('SHOW STATS');
        const name = new URL(url).pathname.slice(1);
        return Number(rows.find(({ database }) => database === name)?.total_xact_count ?? 0);
      } finally {
        await client.end();
      }
    },
    async close() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
