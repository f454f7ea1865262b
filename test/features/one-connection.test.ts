import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDataSource } from '../../src/platform/data-source.js';
import { Database } from '../../src/platform/database.js';
import { keepToOneConnection } from '../support/one-connection.js';
import { freshDatabase, oneKind, type TestDatabase } from '../support/postgres.js';

describe.each(oneKind)('one connection for a transaction (%s)', (kind) => {
  let fresh: TestDatabase;
  let db: Database;
  let asked: string[];

  beforeAll(async () => {
    fresh = await freshDatabase(kind, { entities: [], migrations: [] });
    db = new Database(await createDataSource(fresh.settings).initialize());
    asked = keepToOneConnection(db);
  }, 180_000);
  afterAll(async () => {
    await db.dataSource.destroy();
    await fresh.close();
  });

  const select = () => db.manager.query('SELECT 1');

  it('a transaction, one that joins it, and what follows when it is over, need no other', async () => {
    const followed: unknown[] = [];
    await db.transaction(async () => {
      await select();
      await db.transaction(select);
      await db.afterCommit(async () => followed.push(await db.transaction(select)));
    });
    await db.detached(select);
    expect(followed).toHaveLength(1);
    expect(asked).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a statement outside', () => db.detached(select)],
    ['a transaction outside', () => db.detached(() => db.transaction(select))],
    ['the data source', () => db.dataSource.query('SELECT 1')],
    ['the pool', () => db.pool.query('SELECT 1')],
  ])('%s is refused inside a transaction, and remembered', async (_what, work) => {
    asked.length = 0;
    await expect(db.transaction(work)).rejects.toThrow('a second connection inside a transaction');
    expect(asked).toHaveLength(1);
    await expect(select()).resolves.toHaveLength(1);
  });
});
