import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Brackets,
  Column,
  type DataSource,
  Entity,
  type MigrationInterface,
  PrimaryColumn,
  type QueryRunner,
} from 'typeorm';
import { withContext } from '../../../src/platform/context.js';
import { newId } from '../../../src/platform/crypto.js';
import { createDataSource } from '../../../src/platform/data-source.js';
import { Database } from '../../../src/platform/database.js';
import { TenantEntity } from '../../../src/platform/tenant-entity.js';
import { freshDatabase, kinds, type TestDatabase } from '../../support/postgres.js';

@Entity('notes')
class Note extends TenantEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') text!: string;
  @Column('jsonb', { default: {} }) data: Record<string, unknown> = {};
  @Column('timestamptz', { nullable: true }) readAt: Date | null = null;
}

class Notes1600000000001 implements MigrationInterface {
  name = 'Notes1600000000001';
  async up(runner: QueryRunner) {
    await runner.query(`CREATE TABLE notes (
      tenant_id uuid NOT NULL,
      id uuid NOT NULL,
      text text NOT NULL UNIQUE,
      data jsonb NOT NULL DEFAULT '{}',
      read_at timestamptz,
      PRIMARY KEY (tenant_id, id)
    )`);
  }
  async down(runner: QueryRunner) {
    await runner.query('DROP TABLE notes');
  }
}

const [here, there] = [newId(), newId()] as const;
const asTenant = <T>(tenantId: string, work: () => T) => withContext({ tenantId }, work);
const note = (text: string): Note => Object.assign(new Note(), { id: newId(), text });

describe.each(kinds)('the database (%s)', (kind) => {
  let fresh: TestDatabase;
  let dataSource: DataSource;
  let db: Database;
  const reported: unknown[] = [];

  beforeAll(async () => {
    fresh = await freshDatabase(kind, { entities: [Note], migrations: [Notes1600000000001] });
    dataSource = await createDataSource(fresh.settings).initialize();
    db = new Database(dataSource, (error) => reported.push(error));
  }, 180_000);

  afterAll(async () => {
    await dataSource.destroy();
    await fresh.close();
  });

  const texts = (tenantId = here) =>
    asTenant(tenantId, async () => (await db.repo(Note).find()).map(({ text }) => text).sort());
  const clear = () => dataSource.query('DELETE FROM notes');

  it('finds its migrations already run in a fresh copy', async () => {
    expect(await dataSource.showMigrations()).toBe(false);
  });

  it('keeps types: jsonb, timestamptz and null come back as they went', async () => {
    await clear();
    const readAt = new Date('2026-01-02T03:04:05.678Z');
    const saved = await asTenant(here, () =>
      db.repo(Note).insert(Object.assign(note('typed'), { data: { a: [1, 'ü'] }, readAt })),
    );
    const found = await asTenant(here, () => db.repo(Note).findOneBy({ id: saved.id }));
    expect(found).toEqual({ ...saved, tenantId: here, data: { a: [1, 'ü'] }, readAt });
  });

  it('joins a transaction inside another: one commit, one rollback', async () => {
    await clear();
    const outer = asTenant(here, () =>
      db.transaction(async () => {
        await db.transaction(() => db.repo(Note).insert(note('inner')));
        expect(db.inTransaction).toBe(true);
        expect(await texts()).toEqual(['inner']);
        throw new Error('outer fails');
      }),
    );
    await expect(outer).rejects.toThrow('outer fails');
    expect(db.inTransaction).toBe(false);
    expect(await texts()).toEqual([]);
  });

  it('goes on after a statement error inside a transaction, once it is rolled back', async () => {
    await clear();
    await asTenant(here, () => db.repo(Note).insert(note('first')));
    const failing = asTenant(here, () =>
      db.transaction(async () => {
        await db.repo(Note).insert(note('second'));
        await db.repo(Note).insert(note('first'));
      }),
    );
    await expect(failing).rejects.toMatchObject({ driverError: { code: '23505' } });
    expect(await texts()).toEqual(['first']);
    await asTenant(here, () => db.transaction(() => db.repo(Note).insert(note('third'))));
    expect(await texts()).toEqual(['first', 'third']);
  });

  it('refuses every statement of a failed transaction, even where its error was swallowed', async () => {
    await clear();
    const work = asTenant(here, () =>
      db.transaction(async () => {
        await db.manager.query('SELECT nonsense').catch(() => {});
        await db.repo(Note).insert(note('too late'));
      }),
    );
    await expect(work).rejects.toMatchObject({ driverError: { code: '25P02' } });
    expect(await texts()).toEqual([]);
  });

  it('keeps the order of transactions that overlap in time', async () => {
    await clear();
    const statement = { name: 'append', text: `UPDATE notes SET text = text || $2 WHERE tenant_id = $1` };
    await asTenant(here, () => db.repo(Note).insert(note('0')));
    const append = (digit: string) =>
      db.transaction(async () => {
        await db.execute(statement, [here, digit]);
        await db.manager.query('SELECT 1');
        await db.execute(statement, [here, digit]);
      });
    await Promise.all(['1', '2', '3', '4'].map(append));
    expect((await texts())[0]).toMatch(/^0(?:(\d)\1){4}$/);
  });

  it('runs named prepared statements in and outside of a transaction, and sees their effect only inside until commit', async () => {
    await clear();
    const insert = { name: 'note_insert', text: 'INSERT INTO notes (tenant_id, id, text) VALUES ($1, $2, $3)' };
    const count = { name: 'note_count', text: 'SELECT count(*)::int AS n FROM notes WHERE tenant_id = $1' };
    const rolledBack = db.transaction(async () => {
      await db.execute(insert, [here, newId(), 'a']);
      expect(await db.execute<{ n: number }>(count, [here])).toEqual([{ n: 1 }]);
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect(await db.execute<{ n: number }>(count, [here])).toEqual([{ n: 0 }]);
    await db.execute(insert, [here, newId(), 'b']);
    await expect(db.execute(insert, [here, newId(), 'b'])).rejects.toMatchObject({ code: '23505' });
    expect(await db.execute<{ n: number }>(count, [here])).toEqual([{ n: 1 }]);
  });

  describe('afterCommit', () => {
    it('runs in order after the outermost commit, outside the transaction, where the rows are visible', async () => {
      await clear();
      const seen: unknown[] = [];
      await asTenant(here, () =>
        db.transaction(async () => {
          await db.transaction(async () => {
            await db.afterCommit(() => seen.push('first'));
          });
          await db.repo(Note).insert(note('committed'));
          await db.afterCommit(async () => seen.push(db.inTransaction, await texts()));
          expect(seen).toEqual([]);
        }),
      );
      expect(seen).toEqual(['first', false, ['committed']]);
    });

    it('never runs after a rollback', async () => {
      const seen: string[] = [];
      const work = db.transaction(async () => {
        await db.afterCommit(() => seen.push('ran'));
        throw new Error('no');
      });
      await expect(work).rejects.toThrow('no');
      expect(seen).toEqual([]);
    });

    it('runs at once where there is no transaction', async () => {
      const seen: string[] = [];
      await db.afterCommit(() => seen.push('ran'));
      expect(seen).toEqual(['ran']);
    });

    it('reports its errors and still answers the caller', async () => {
      reported.length = 0;
      const result = await db.transaction(async () => {
        await db.afterCommit(() => {
          throw new Error('mail server away');
        });
        return 'done';
      });
      expect(result).toBe('done');
      expect(reported).toEqual([new Error('mail server away')]);
    });

    it('may open a transaction of its own', async () => {
      await clear();
      await asTenant(here, () =>
        db.transaction(async () => {
          await db.afterCommit(() => db.transaction(() => db.repo(Note).insert(note('later'))));
        }),
      );
      expect(await texts()).toEqual(['later']);
    });
  });

  describe('a row of another tenant does not exist', () => {
    let mine: Note;
    let theirs: Note;
    beforeAll(async () => {
      await clear();
      mine = await asTenant(here, () => db.repo(Note).insert(note('mine')));
      theirs = await asTenant(there, () => db.repo(Note).insert(note('theirs')));
    });

    it.each([
      ['find', () => db.repo(Note).find(), [{ text: 'mine' }]],
      ['find by its id', () => db.repo(Note).find({ where: { id: theirs.id } }), []],
      ['findBy naming the other tenant', () => db.repo(Note).findBy({ tenantId: there }), [{ text: 'mine' }]],
      [
        'findBy with alternatives',
        () => db.repo(Note).findBy([{ id: mine.id }, { id: theirs.id }]),
        [{ text: 'mine' }],
      ],
      ['findOneBy', () => db.repo(Note).findOneBy({ id: theirs.id }), null],
      ['existsBy', () => db.repo(Note).existsBy({ id: theirs.id }), false],
      ['countBy', () => db.repo(Note).countBy({}), 1],
      ['update', () => db.repo(Note).update({ id: theirs.id }, { text: 'taken' }), 0],
      ['delete', () => db.repo(Note).delete({ id: theirs.id }), 0],
      ['query', () => db.repo(Note).query('note').andWhere('note.id = :id', { id: theirs.id }).getMany(), []],
    ])('%s', async (_verb, work, expected) => {
      const result = await asTenant(here, async () => work());
      if (typeof expected === 'object' && expected) expect(result).toMatchObject(expected);
      else expect(result).toBe(expected);
      expect(await texts(there)).toEqual(['theirs']);
    });

    it('an OR in a further condition does not lead out of the tenant', async () => {
      const rows = await asTenant(here, () =>
        db.repo(Note).query('note').andWhere('note.id = :id OR 1 = 1', { id: mine.id }).getMany(),
      );
      expect(rows.map(({ text }) => text)).toEqual(['mine']);
    });

    it('a query refuses where and orWhere', async () => {
      await asTenant(here, async () => {
        expect(() => db.repo(Note).query('note').where('1 = 1')).toThrow('use andWhere');
        expect(() => db.repo(Note).query('note').orWhere('1 = 1')).toThrow('use andWhere');
      });
    });

    it('a query pages, counts and takes brackets within the tenant', async () => {
      const [rows, count] = await asTenant(here, () =>
        db
          .repo(Note)
          .query('note')
          .andWhere(new Brackets((either) => either.where('note.text = :a').orWhere('note.text = :b')))
          .setParameters({ a: 'mine', b: 'theirs' })
          .orderBy('note.text')
          .take(10)
          .skip(0)
          .getManyAndCount(),
      );
      expect([rows.map(({ text }) => text), count]).toEqual([['mine'], 1]);
    });

    it('a change cannot move a row to another tenant', async () => {
      const moved = asTenant(here, async () =>
        db.repo(Note).update({ id: mine.id }, { tenantId: there, text: 'moved' }),
      );
      await expect(moved).rejects.toThrow('a row of another tenant cannot be written');
      expect(await texts(here)).toEqual(['mine']);
    });

    it('save refuses an entity of another tenant', async () => {
      await expect(asTenant(here, async () => db.repo(Note).save(theirs))).rejects.toThrow('another tenant');
    });

    it('save with the same id makes a second row, and leaves theirs alone', async () => {
      const twin = Object.assign(note('twin'), { id: theirs.id });
      await asTenant(here, () => db.repo(Note).save(twin));
      expect(await texts(there)).toEqual(['theirs']);
      expect(await asTenant(here, () => db.repo(Note).delete({ id: theirs.id }))).toBe(1);
      expect(await texts(there)).toEqual(['theirs']);
    });

    it('nothing is read or written where no tenant is known', async () => {
      await expect((async () => db.repo(Note).find())()).rejects.toThrow('no tenant in the current context');
      await expect((async () => db.repo(Note).save(note('nobody')))()).rejects.toThrow('no tenant');
    });
  });
});
