import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { AuditOfUser1700000000031 } from '../../migrations/0031-audit-of-user.js';
import { openFoundation } from '../../src/foundation.js';
import { migrations } from '../../src/migrations.js';
import { createDataSource } from '../../src/platform/data-source.js';
import { createLogger } from '../../src/platform/logger.js';
import { entities } from '../../src/schema.js';
import { freshDatabase, kinds } from '../support/postgres.js';
import { testConfig } from '../support/server.js';

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
  }, 180_000);

  it('build an index anew that an interrupted run has left half-made, also on a table that was partitioned', async () => {
    const database = await freshDatabase(kind, { entities, migrations });
    const source = createDataSource(database.settings);
    await source.initialize();
    const runner = source.createQueryRunner();
    const isValid = async () =>
      (await runner.query(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'audit_events_user_idx'::regclass`))[0]
        ?.indisvalid;
    try {
      await runner.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'audit_events_user_idx'::regclass`);
      expect(await isValid()).toBe(false);
      await new AuditOfUser1700000000031().up(runner);
      expect(await isValid()).toBe(true);

      await runner.query('ALTER TABLE audit_events RENAME TO audit_events_old');
      await runner.query('DROP INDEX audit_events_user_idx');
      await runner.query('CREATE TABLE audit_events (LIKE audit_events_old) PARTITION BY RANGE (id)');
      await runner.query('ALTER TABLE audit_events ATTACH PARTITION audit_events_old DEFAULT');
      for (const _ of [1, 2]) {
        await new AuditOfUser1700000000031().up(runner);
        expect(await isValid()).toBe(true);
      }
    } finally {
      await runner.release();
      await source.destroy();
      await database.close();
    }
  }, 180_000);
});

(kinds.includes('postgres') ? describe : describe.skip)('migrations beside a version that serves', () => {
  it('keep nobody from writing while an index is built', async () => {
    const database = await freshDatabase('postgres', { entities, migrations });
    const source = await createDataSource(database.settings).initialize();
    const record = (runner: QueryRunner) =>
      runner.query(
        `INSERT INTO audit_events (tenant_id, id, name, data, occurred_at)
         VALUES (gen_random_uuid(), gen_random_uuid(), 'user.created', '{"user_id": "x"}', now())`,
      );
    const [builder, slow, quick] = [source.createQueryRunner(), source.createQueryRunner(), source.createQueryRunner()];
    try {
      await slow.startTransaction();
      await record(slow);
      const built = new AuditOfUser1700000000031().up(builder);
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%INDEX CONCURRENTLY%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`;
      while ((await quick.query(waiting)).length === 0) await delay(20);
      await quick.query(`SET lock_timeout = '2s'`);
      await record(quick);
      await slow.commitTransaction();
      await built;
    } finally {
      for (const runner of [builder, slow, quick]) await runner.release();
      await source.destroy();
      await database.close();
    }
  }, 180_000);

  it('are done by one of several processes that start at once, and waited for by the others', async () => {
    const database = await freshDatabase('postgres', { entities: [], migrations: [] });
    const { connection } = database.settings;
    const config = testConfig({ ISSUER: 'http://localhost:3000' });
    const processes = await Promise.all(
      [1, 2, 3].map(() => openFoundation(config, { connection, logger: createLogger({ level: 'error' }) })),
    );
    try {
      await Promise.all(processes.map(({ migrate }) => migrate()));
      const done = await processes[0]?.db.manager.query('SELECT name FROM migrations ORDER BY id');
      expect(done.map(({ name }: { name: string }) => name)).toEqual(migrations.map(({ name }) => name));
    } finally {
      for (const one of processes) await one.close();
      await database.close();
    }
  }, 180_000);
});
