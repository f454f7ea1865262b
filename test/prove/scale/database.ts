// Databases with a name, so that a run that was killed leaves nothing that the next one does not take away.
import { Client } from 'pg';
import { migrations } from '../../../src/migrations.js';
import { createDataSource } from '../../../src/platform/data-source.js';
import { Database } from '../../../src/platform/database.js';
import { Jobs } from '../../../src/platform/jobs.js';
import { entities } from '../../../src/schema.js';
import type { TestDatabase } from '../../support/postgres.js';

export interface NamedDatabase extends TestDatabase {
  url: string;
}

/** Empty and not migrated; one of that name is dropped first. */
export async function namedDatabase(name: string): Promise<NamedDatabase> {
  const url = new URL(process.env.TEST_DATABASE_URL ?? '');
  const drop = () => onServer((client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  await drop();
  await onServer((client) => client.query(`CREATE DATABASE ${name}`));
  url.pathname = `/${name}`;
  return {
    url: url.href,
    settings: { entities, migrations, connection: { url: url.href } },
    close: async () => void (await drop()),
  };
}

export async function onServer<T>(
  work: (client: Client) => Promise<T>,
  url = process.env.TEST_DATABASE_URL,
): Promise<T> {
  const client = new Client(url);
  // Dropping the database ends the connections to it.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** As the server would at its first start. */
export async function migrated({ settings }: NamedDatabase): Promise<void> {
  const dataSource = await createDataSource(settings).initialize();
  try {
    await dataSource.runMigrations();
    await Jobs.migrate(new Database(dataSource).pool);
  } finally {
    await dataSource.destroy();
  }
}
