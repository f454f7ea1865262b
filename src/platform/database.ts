// Postgres: transactions that nobody threads, repositories that cannot see another tenant, and named prepared statements for the hot path.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Pool, PoolClient } from 'pg';
import {
  DataSource,
  DefaultNamingStrategy,
  type EntityManager,
  type EntityTarget,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import type { TenantEntity } from './tenant-entity.js';
import { TenantRepository } from './tenant-repository.js';

/** A statement of the hot path, prepared once per connection under its name. tenant_id is always $1. */
export interface Statement {
  name: string;
  text: string;
}

export interface DataSourceSettings {
  /** A server, or the stream of the embedded database. */
  connection: { url: string } | { stream: () => Duplex };
  entities: (new () => object)[];
  migrations: (new () => MigrationInterface)[];
  /** Connections at most; the embedded database has exactly one. */
  poolSize?: number;
}

export function createDataSource({ connection, entities, migrations, poolSize = 10 }: DataSourceSettings): DataSource {
  const embedded = 'stream' in connection;
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
        if (!embedded) hangUpAfter(client, silenceMs);
      },
      ...(embedded ? { stream: connection.stream } : { statement_timeout: statementMs, keepAlive: true }),
    },
  });
}

/** A statement takes no longer. The server sees to it. */
const statementMs = 10_000;
/** Where it does not, nobody is there: it was stopped, or lost on the way. */
const silenceMs = 12_000;

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

/** For work that may take its time. @returns how to end it; until then the connection serves nothing else. */
export async function withoutTimeouts(runner: QueryRunner): Promise<() => Promise<void>> {
  const client = (await runner.connect()) as PoolClient;
  const { stream } = (client as unknown as Wire).connection;
  await runner.query('SET statement_timeout = 0');
  stream.setTimeout(0);
  return async () => {
    await runner.query(`SET statement_timeout = ${statementMs}`);
    stream.setTimeout(silenceMs);
  };
}

interface Transaction {
  manager: EntityManager;
  runner: QueryRunner;
  afterCommit: (() => unknown)[];
}

export class Database {
  private readonly transactions = new AsyncLocalStorage<Transaction | undefined>();

  constructor(
    readonly dataSource: DataSource,
    private readonly onError: (error: unknown) => void = () => {},
  ) {}

  /**
   * Runs work in one transaction; a call inside another joins it. Everything reached from work uses it without being told.
   * @throws whatever work throws, after rolling back.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.transactions.getStore()) return work();
    const runner = this.dataSource.createQueryRunner();
    const transaction: Transaction = { manager: runner.manager, runner, afterCommit: [] };
    let result: T;
    try {
      await runner.startTransaction();
      result = await this.transactions.run(transaction, work);
      await runner.commitTransaction();
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(this.onError);
      throw error;
    } finally {
      await runner.release();
    }
    for (const work of transaction.afterCommit) await this.detached(async () => work()).catch(this.onError);
    return result;
  }

  /** Runs work outside the surrounding transaction, on a connection of its own: it commits even where the caller rolls back. Never on the embedded database from inside one. */
  detached<T>(work: () => Promise<T>): Promise<T> {
    return this.transactions.run(undefined, work);
  }

  get inTransaction(): boolean {
    return this.transactions.getStore() !== undefined;
  }

  /** Runs after the surrounding transaction has committed, at once where there is none; never after a rollback. Its errors are reported, not thrown. */
  async afterCommit(work: () => unknown): Promise<void> {
    const transaction = this.transactions.getStore();
    if (transaction) transaction.afterCommit.push(work);
    else await this.detached(async () => work()).catch(this.onError);
  }

  /** The rows of the current tenant, and of no other. */
  repo<E extends TenantEntity>(entity: new () => E): TenantRepository<E> {
    return new TenantRepository(this.manager.getRepository(entity as EntityTarget<E>));
  }

  /** For tables that belong to no tenant, and for sweeps over all of them. */
  get manager(): EntityManager {
    return this.transactions.getStore()?.manager ?? this.dataSource.manager;
  }

  /** Runs a named prepared statement on the surrounding transaction, or on any connection of the pool. */
  async execute<R extends object>({ name, text }: Statement, values: unknown[]): Promise<R[]> {
    const runner = this.transactions.getStore()?.runner;
    const connection: PoolClient | Pool = runner ? await runner.connect() : this.pool;
    const { rows } = await connection.query<R>({ name, text, values });
    return rows;
  }

  get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

class SnakeCaseNames extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string | undefined, prefixes: string[]): string {
    return [...prefixes, customName ?? propertyName].map(snakeCase).join('_');
  }
}

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
