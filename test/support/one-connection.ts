// What the embedded database waits for for ever is refused on PostgreSQL too: a second connection inside a transaction.
import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import type { Database } from '../../src/platform/database.js';

/** @returns where it was asked for all the same; also where whoever asked took the refusal as one of many. */
export function keepToOneConnection(db: Database): string[] {
  const asked: string[] = [];
  const inside = new AsyncLocalStorage<{ isOpen: boolean }>();
  const transaction = db.transaction.bind(db);
  db.transaction = (work) => {
    if (inside.getStore()?.isOpen) return transaction(work);
    const one = { isOpen: true };
    const untilItsEnd = () => inside.run(one, work).finally(() => Object.assign(one, { isOpen: false }));
    return transaction(untilItsEnd);
  };
  const { pool } = db;
  // Looked up at each call: whoever watches the pools of this process sees this one too.
  const connect = (...given: unknown[]) => Reflect.apply(pg.Pool.prototype.connect, pool, given);
  pool.connect = ((...given: unknown[]) => {
    if (!inside.getStore()?.isOpen) return connect(...given);
    const error = new Error('a second connection inside a transaction: the embedded database would wait for ever');
    asked.push(error.stack ?? error.message);
    throw error;
  }) as pg.Pool['connect'];
  return asked;
}
