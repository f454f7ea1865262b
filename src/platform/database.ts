// Postgres: transactions that nobody threads, repositories that cannot see another tenant, and named prepared statements for the hot path.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Pool, PoolClient } from 'pg';
import type { DataSource, EntityManager, EntityTarget, QueryRunner } from 'typeorm';
import type { Replica } from './replica.js';
import type { TenantEntity } from './tenant-entity.js';
import { TenantRepository } from './tenant-repository.js';
import type { Tracing } from './tracing.js';

/** A statement of the hot path, prepared once per connection under its name. tenant_id is always $1. */
export interface Statement {
  name: string;
  text: string;
}

interface Transaction {
  manager: EntityManager;
  runner: QueryRunner;
  afterCommit: (() => unknown)[];
}

export interface DatabaseOptions {
  /** False behind a pooler: a statement named on one server connection is unknown on the next. */
  named?: boolean;
  replica?: Replica | undefined;
  tracing?: Tracing | undefined;
}

export class Database {
  private readonly transactions = new AsyncLocalStorage<Transaction | undefined>();
  private readonly replicas = new AsyncLocalStorage<EntityManager | undefined>();

  constructor(
    readonly dataSource: DataSource,
    private readonly onError: (error: unknown) => void = () => {},
    private readonly options: DatabaseOptions = {},
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

  /**
   * Reads that may be a moment behind, such as lists: from the replica where there is one, from here while it is away. Inside a
   * transaction always from here, because what was just written is to be seen. Work only reads, and may run twice.
   */
  async reading<T>(work: () => Promise<T>): Promise<T> {
    const { replica } = this.options;
    const manager = this.inTransaction ? undefined : await replica?.manager();
    if (!manager) return work();
    try {
      return await this.replicas.run(manager, work);
    } catch (error) {
      if (!replica?.isAway(error)) throw error;
      return work();
    }
  }

  /** The rows of the current tenant, and of no other. */
  repo<E extends TenantEntity>(entity: new () => E): TenantRepository<E> {
    return new TenantRepository(this.manager.getRepository(entity as EntityTarget<E>));
  }

  /** For tables that belong to no tenant, and for sweeps over all of them. */
  get manager(): EntityManager {
    return this.transactions.getStore()?.manager ?? this.replicas.getStore() ?? this.dataSource.manager;
  }

  /**
   * Runs a prepared statement, named where it can be, on the surrounding transaction, or on any connection of the pool: of the replica's
   * inside reading(). Whoever reads many pages reads them so: what manager.query() returns outlives its use until a full collection.
   */
  async execute<R extends object>({ name, text }: Statement, values: unknown[]): Promise<R[]> {
    const runner = this.transactions.getStore()?.runner;
    const replica = this.replicas.getStore()?.dataSource;
    const connection: PoolClient | Pool = runner ? await runner.connect() : replica ? poolOf(replica) : this.pool;
    const named = this.options.named === false ? {} : { name };
    const run = async () => (await connection.query<R>({ ...named, text, values })).rows;
    const { tracing } = this.options;
    if (!tracing) return run();
    const attributes = { 'db.system.name': 'postgresql', 'db.query.summary': name };
    return tracing.span({ name, kind: 'client', attributes }, run);
  }

  get pool(): Pool {
    return poolOf(this.dataSource);
  }
}

const poolOf = ({ driver }: DataSource): Pool => (driver as unknown as { master: Pool }).master;
