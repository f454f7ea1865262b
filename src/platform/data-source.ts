// How connections to Postgres are opened, bounded in number and in time, and given up. database.ts is what is done with them.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PoolClient } from 'pg';
import { DataSource, DefaultNamingStrategy, type MigrationInterface } from 'typeorm';

export interface DataSourceSettings {
  /** A server, or the stream of the embedded database. A pooler in transaction mode refuses what belongs to a session. */
  connection: { url: string; pooler?: boolean } | { stream: () => Duplex };
  entities: (new () => object)[];
  migrations: (new () => MigrationInterface)[];
  /** Connections at most; the embedded database has exactly one. */
  poolSize?: number;
  /** After which a statement ends by itself; 0 is never. Behind a pooler the role says it. */
  statementTimeoutMs?: number;
}

export function createDataSource({
  connection,
  entities,
  migrations,
  poolSize = 10,
  statementTimeoutMs = 10_000,
}: DataSourceSettings): DataSource {
  const embedded = 'stream' in connection;
  const session = embedded || connection.pooler ? {} : { statement_timeout: statementTimeoutMs };
  return new DataSource({
    type: 'postgres',
    ...(embedded ? { host: 'embedded', username: 'postgres', database: 'postgres' } : { url: connection.url }),
    entities,
    migrations,
    migrationsTransactionMode: 'each',
    namingStrategy: new SnakeCaseNames(),
    extra: {
      max: embedded ? 1 : poolSize,
      // Embedded, the wait is for the only connection: whoever asks past his own transaction gets an error, not a hang.
      connectionTimeoutMillis: embedded ? 30_000 : 5_000,
      idleTimeoutMillis: embedded ? 0 : 30_000,
      // A connection lost while in use fails its statement; the event besides, heard by nobody, would end the process.
      onConnect(client: PoolClient) {
        client.on('error', () => {});
        if (!embedded && statementTimeoutMs > 0) hangUpAfter(client, statementTimeoutMs + graceMs);
      },
      ...(embedded ? { stream: connection.stream } : { keepAlive: true, ...session }),
    },
  });
}

/** A server ends a statement by itself. One that has not done so by then is not there: it was stopped, or lost on the way. */
const graceMs = 2_000;

/** The part of a connection that pg does not tell its types. */
interface Wire {
  readyForQuery: boolean;
  connection: { stream: Socket };
}

/** A server that hangs closes nothing. Its connection is given up, so that neither it nor a transaction left open in it is used again. */
function hangUpAfter(client: PoolClient, milliseconds: number): void {
  const wire = client as unknown as Wire;
  const { stream } = wire.connection;
  stream.setTimeout(milliseconds);
  stream.on('timeout', () => {
    if (!wire.readyForQuery) stream.destroy(new Error('Connection terminated'));
  });
}

class SnakeCaseNames extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string | undefined, prefixes: string[]): string {
    return [...prefixes, customName ?? propertyName].map(snakeCase).join('_');
  }
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
