import { describe, expect, it } from '@jest/globals';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migrations } from '../../src/migrations.js';

/** Built before anybody ran this server, on tables that were empty. */
const early = ['SigningKeyLife', 'SealedRows', 'TenantDeletion', 'Lists'];

/** What a migration says to the database. */
async function statementsOf(migration: MigrationInterface): Promise<string[]> {
  const said: string[] = [];
  const query = async (text: string) => {
    said.push(text.replaceAll(/\s+/g, ' ').trim());
    return [];
  };
  await migration.up({ query } as unknown as QueryRunner);
  return said;
}

const index = /^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+) ON (?:ONLY )?(\w+)/;
const nameOf = (migration: new () => MigrationInterface) => migration.name.replace(/\d+$/, '');

describe('a migration, while the version before keeps serving', () => {
  it.each(
    migrations.filter((migration) => !early.includes(nameOf(migration))).map((one) => [nameOf(one), one] as const),
  )('builds no index in a transaction on a table that holds rows: %s', async (_name, migration) => {
    const built = new migration();
    const said = await statementsOf(built);
    const made = said.flatMap((text) => /^CREATE TABLE (\w+)/.exec(text)?.[1] ?? []);
    for (const text of said) {
      const [, concurrently, , table = ''] = index.exec(text) ?? [];
      if (table && !concurrently) expect([text, made.includes(table)]).toEqual([text, true]);
      // Such a constraint is an index as well.
      if (/^ALTER TABLE/.test(text)) expect(text).not.toMatch(/ADD (CONSTRAINT \w+ )?(UNIQUE|PRIMARY KEY|EXCLUDE)/);
    }
  });

  it.each(
    migrations
      .filter((one) => (new one() as MigrationInterface).transaction === false)
      .map((one) => [nameOf(one), one]),
  )(
    'builds (or drops) an index CONCURRENTLY by itself, after what an interrupted run has left: %s',
    async (_name, migration) => {
      const said = await statementsOf(new (migration as new () => MigrationInterface)());
      // Or takes one away by itself.
      if (said.length === 1 && /^DROP INDEX CONCURRENTLY IF EXISTS \w+$/.test(String(said[0]))) return;
      const [, concurrently, name] = index.exec(said.at(-1) ?? '') ?? [];
      expect(concurrently).toBeDefined();
      expect(said.slice(-2, -1)).toEqual([`DROP INDEX CONCURRENTLY IF EXISTS ${name}`]);
      expect(said.filter((text) => index.test(text))).toHaveLength(1);
    },
  );

  it('is in a transaction unless it builds such an index', async () => {
    for (const migration of migrations) {
      const built: MigrationInterface = new migration();
      const concurrently = (await statementsOf(built)).some((text) => /CONCURRENTLY/.test(text));
      expect([migration.name, built.transaction === false]).toEqual([migration.name, concurrently]);
    }
  });
});
