import { describe, expect, it } from '@jest/globals';
import { createDataSource } from '../../src/platform/data-source.js';
import { entities, migrations } from '../../src/schema.js';
import { freshDatabase, kinds } from '../support/postgres.js';

describe.each(kinds)('migrations on %s', (kind) => {
  it('run, can be taken back one by one, and run again', async () => {
    const database = await freshDatabase(kind, { entities, migrations });
    const source = createDataSource(database.settings);
    await source.initialize();
    try {
      expect(await source.runMigrations()).toHaveLength(0);
      for (const _ of migrations) await source.undoLastMigration();
      const left = await source.query(
        `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'migrations'`,
      );
      expect(left).toEqual([]);
      expect(await source.runMigrations()).toHaveLength(migrations.length);
    } finally {
      await source.destroy();
      await database.close();
    }
  }, 60_000);
});
