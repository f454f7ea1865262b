// A database of its own for each suite, migrated once per set of migrations: on a server a copy of a template, embedded a copy of a dump.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, openAsBlob, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { projectRoot } from '../../config/root.js';
import { createDataSource, type DataSourceSettings } from '../../src/platform/data-source.js';
import { Database } from '../../src/platform/database.js';
import { openEmbedded } from '../../src/platform/embedded.js';
import { Jobs } from '../../src/platform/jobs.js';
import { acquireLock, LockHeldError } from '../../src/platform/lock-file.js';

export type Kind = 'embedded' | 'postgres';

export interface TestDatabase {
  /** For createDataSource; the migrations have run, the tables of the jobs are there. */
  settings: DataSourceSettings;
  /** Only on a server. */
  url?: string;
  /** Destroy the data source first. */
  close(): Promise<void>;
}

type Schema = Pick<DataSourceSettings, 'entities' | 'migrations'>;

const serverUrl = process.env.TEST_DATABASE_URL;

/** Embedded always, a server where TEST_DATABASE_URL names one: for describe.each. */
export const kinds: Kind[] = serverUrl ? ['embedded', 'postgres'] : ['embedded'];

/** Only one, for describe.each: what makes no difference to the database is looked at once, on a server where there is one. */
export const oneKind: Kind[] = kinds.slice(-1);

/** @param server the one of TEST_DATABASE_URL unless another is given. */
export const freshDatabase = (kind: Kind, schema: Schema, server = serverUrl): Promise<TestDatabase> =>
  kind === 'embedded' ? freshEmbedded(schema) : freshOnServer(schema, server);

async function freshEmbedded(schema: Schema): Promise<TestDatabase> {
  const file = path.join(tmpdir(), `ostiary-test-${process.getuid?.() ?? ''}-${fingerprint(schema)}.tar`);
  if (!existsSync(file)) await alone(`${file}.lock`, () => dumpMigrated(file, schema));
  const embedded = openEmbedded({ loadDataDir: await openAsBlob(file) });
  await embedded.ready;
  return { settings: { ...schema, connection: { stream: embedded.stream } }, close: embedded.close };
}

async function dumpMigrated(file: string, schema: Schema): Promise<void> {
  if (existsSync(file)) return;
  const embedded = openEmbedded();
  await embedded.ready;
  await migrate({ ...schema, connection: { stream: embedded.stream } });
  const dump = Buffer.from(await (await embedded.dump()).arrayBuffer());
  await embedded.close();
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, dump, { mode: 0o600 });
  renameSync(draft, file);
}

async function freshOnServer(schema: Schema, server: string | undefined): Promise<TestDatabase> {
  if (!server) throw new Error('TEST_DATABASE_URL is not set');
  const template = `ostiary_template_${fingerprint(schema)}`;
  const name = `ostiary_test_${randomBytes(8).toString('hex')}`;
  await onServer(server, async (client) => {
    // A lock of the session: the second of two workers waits here, then finds the template.
    await client.query('SELECT pg_advisory_lock(hashtext($1))', [template]);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (!rowCount) await makeTemplate(client, server, template, schema);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  return {
    settings: { ...schema, connection: { url: databaseUrl(server, name) } },
    url: databaseUrl(server, name),
    close: () =>
      onServer(server, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }),
  };
}

/** Gets its name last, so that a half-migrated one is never copied. */
async function makeTemplate(client: Client, server: string, template: string, schema: Schema): Promise<void> {
  const draft = `ostiary_draft_${randomBytes(8).toString('hex')}`;
  await client.query(`CREATE DATABASE ${draft}`);
  try {
    await migrate({ ...schema, connection: { url: databaseUrl(server, draft) } });
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
  } catch (error) {
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    throw error;
  }
}

async function migrate(settings: DataSourceSettings): Promise<void> {
  const dataSource = await createDataSource(settings).initialize();
  try {
    await dataSource.runMigrations();
    await Jobs.migrate(new Database(dataSource).pool);
  } finally {
    await dataSource.destroy();
  }
}

async function onServer(url: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client(url);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** Changes with every word of a migration, and with the version of PGlite or Graphile Worker. */
function fingerprint({ migrations }: Schema): string {
  const hash = createHash('sha256').update(readFileSync(path.join(projectRoot, 'package-lock.json')));
  for (const migration of migrations) hash.update(`${migration.name}\n${migration}\n`);
  return hash.digest('hex').slice(0, 24);
}

/** Waits while another worker holds the file. */
async function alone(lockFile: string, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      const lock = await acquireLock(lockFile);
      try {
        return await work();
      } finally {
        lock.release();
      }
    } catch (error) {
      if (!(error instanceof LockHeldError)) throw error;
      await delay(100);
    }
  }
}
