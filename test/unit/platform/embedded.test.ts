import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type Embedded, openEmbedded } from '../../../src/platform/embedded.js';

const folders: string[] = [];
const opened: Embedded[] = [];

const folder = () => {
  const made = mkdtempSync(path.join(tmpdir(), 'ostiary-embedded-'));
  folders.push(made);
  return path.join(made, 'data');
};
const open = (options: Parameters<typeof openEmbedded>[0] = {}) => {
  const embedded = openEmbedded(options);
  opened.push(embedded);
  return embedded;
};
const connect = async (embedded: Embedded) => {
  const client = new Client({ stream: embedded.stream, host: 'embedded', user: 'postgres' });
  await client.connect();
  return client;
};
const numbers = async (client: Client) =>
  (await client.query<{ n: number }>('SELECT n FROM t ORDER BY n')).rows.map(({ n }) => n);

afterEach(async () => {
  for (const embedded of opened.splice(0)) await embedded.close().catch(() => {});
});
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

describe('the embedded database', () => {
  it('speaks the extended protocol: errors, large values, pipelined statements, an empty query, a second connection', async () => {
    const embedded = open();
    const client = await connect(embedded);
    await client.query('CREATE TABLE t (n int PRIMARY KEY, v text)');
    await expect(client.query('SELECT $1::int', ['no number'])).rejects.toMatchObject({ code: '22P02' });
    await expect(client.query({ name: 'bad', text: 'SELECT nonsense' })).rejects.toMatchObject({ code: '42703' });

    const large = 'é'.repeat(3_000_000);
    await client.query('INSERT INTO t VALUES ($1, $2)', [1, large]);
    const { rows } = await client.query<{ v: string }>('SELECT v FROM t WHERE n = $1', [1]);
    expect(rows[0]?.v === large).toBe(true);
    expect((await client.query('')).rows).toEqual([]);
    const results = await client.query('SELECT 1 AS a; SELECT 2 AS b');
    expect((results as unknown as { rows: unknown[] }[]).map((result) => result.rows)).toEqual([
      [{ a: 1 }],
      [{ b: 2 }],
    ]);

    await client.query({ name: 'same', text: 'SELECT n FROM t' });
    await client.query('BEGIN');
    await client.query('DELETE FROM t');
    const second = connect(embedded);
    await client.end();
    const next = await second;
    // The first connection left a transaction open and a statement prepared: neither meets the second.
    expect(await numbers(next)).toEqual([1]);
    expect((await next.query({ name: 'same', text: 'SELECT n + 1 AS m FROM t' })).rows).toEqual([{ m: 2 }]);
    await next.end();
    expect(process.exitCode).toBeUndefined();
  }, 180_000);

  it('lets timers run beside a busy connection', async () => {
    const client = await connect(open());
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for (let i = 0; i < 300; i++) await client.query('SELECT 1');
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
    await client.end();
  }, 180_000);

  it('fails the statement and ends the connection, rather than hang, when it is closed or breaks underneath', async () => {
    const embedded = open();
    const client = await connect(embedded);
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    await embedded.close();
    await expect(client.query('SELECT 1')).rejects.toThrow();
    await expect(connect(embedded)).rejects.toThrow();
  }, 180_000);

  it('keeps its rows in a folder that only its owner can enter, and opens from a dump', async () => {
    const dataDir = folder();
    const first = open({ dataDir });
    let client = await connect(first);
    await client.query('CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)');
    const dump = await first.dump();
    await client.query('INSERT INTO t VALUES (3)');
    await client.end();
    await first.close();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);

    client = await connect(open({ dataDir }));
    expect(await numbers(client)).toEqual([1, 2, 3]);
    await client.end();
    client = await connect(open({ loadDataDir: dump }));
    expect(await numbers(client)).toEqual([1, 2]);
    await client.end();
  }, 180_000);
});

describe('a folder serves one process', () => {
  const library = new URL('../../../src/platform/embedded.js', import.meta.url).href;
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  /** Inserts without pause and prints each number once its row is acknowledged. */
  const writer = (dataDir: string) => {
    const program = `
      import { openEmbedded } from ${JSON.stringify(library)};
      import pg from 'pg';
      const embedded = openEmbedded({ dataDir: ${JSON.stringify(dataDir)} });
      const client = new pg.Client({ stream: embedded.stream, host: 'embedded', user: 'postgres' });
      await client.connect();
      await client.query('CREATE TABLE t (n int)');
      for (let n = 1; ; n++) {
        await client.query('INSERT INTO t VALUES ($1)', [n]);
        process.stdout.write(n + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH },
      cwd: path.dirname(new URL(library).pathname),
    });
    children.push(child);
    return child;
  };

  it('refuses a second one by name, and after kill -9 of the first has every acknowledged row', async () => {
    const dataDir = folder();
    const child = writer(dataDir);
    let acknowledged = 0;
    const enough = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) => {
        acknowledged = Number(line);
        if (acknowledged === 1_000) resolve();
      });
    });
    await enough;
    const refused = openEmbedded({ dataDir });
    await expect(refused.ready).rejects.toThrow(
      new RegExp(`${dataDir} is in use by process ${child.pid}\\..*set DATABASE_URL`),
    );
    await expect(connect(refused)).rejects.toThrow('is in use by process');

    child.kill('SIGKILL');
    await once(child, 'close');
    const client = await connect(open({ dataDir }));
    const rows = await numbers(client);
    expect(acknowledged).toBeGreaterThanOrEqual(1_000);
    expect(rows.slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, index) => index + 1));
    await client.end();
  }, 180_000);
});
