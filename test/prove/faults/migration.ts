// A process is killed with -9 in the middle of the migrations: of a new database, and of one that serves.

import { rowsOf } from '../../support/pair.js';
import { StatementGate } from '../../support/statement-gate.js';
import type { Report } from './report.js';
import { type Answer, type House, openHouse, type Stage, slowest, statuses, token } from './stage.js';

const group = 'Migrations';
const promise = 'resumable, under an advisory lock; the old version keeps serving';

export async function migrationFaults({ outside, postgres }: Stage, report: Report): Promise<void> {
  if (!report.wants(group, 'a new database of a database that serves at once')) return;
  const { databaseUrl, redisUrl } = outside;
  const house = await openHouse({ outside: { databaseUrl, redisUrl } });
  const whole = await shapeOf(house.services.db.manager);
  try {
    await report.record(group, 'kill -9 again and again while a new database is made', promise, async (sight) => {
      const { url, shape } = await emptyDatabase(postgres, 'made_in_pieces');
      const kills = await killedUntilDone(house, url, 25);
      sight.must(`killed ${kills} times, each a little later, then it started`, kills > 2);
      sight.must('the database is as one that was made at once', (await shape()) === whole);
    });
    await report.record(group, 'three processes start at once on a new database', promise, async (sight) => {
      const { url, shape } = await emptyDatabase(postgres, 'made_by_three');
      await Promise.all(Array.from({ length: 3 }, () => house.spawn({ DATABASE_URL: url })));
      for (const { child } of house.members.splice(1)) child.kill('SIGKILL');
      sight.must('all three start, and the database is as one that was made by one', (await shape()) === whole);
    });
    await report.record(
      group,
      'kill -9 again and again while a database that serves is upgraded',
      promise,
      async (sight) => {
        // The last migration is undone by hand; the process that serves goes on without it, as one of the version before would.
        await rowsOf(house, 'DROP TABLE idempotency_keys');
        await rowsOf(house, `DELETE FROM migrations WHERE name LIKE 'IdempotencyKeys%'`);
        const answers: Answer[] = [];
        let over = false;
        const serving = (async () => {
          while (!over) answers.push(await token(house));
        })();
        const kills = await killedUntilDone(house, String(house.database.url), 1);
        over = true;
        await serving;
        sight.must(`killed ${kills} times, then it started`, kills > 2);
        sight.must(
          `the process that serves meanwhile: ${statuses(answers)}, slowest ${slowest(answers)}`,
          answers.every(({ status }) => status === 200),
        );
        sight.must('the database is whole again', (await shapeOf(house.services.db.manager)) === whole);
      },
    );
  } finally {
    await house.close();
  }
}

/** Killed after so many statements, twice, three times as many, until it has come through. @returns how often. */
async function killedUntilDone(house: House, databaseUrl: string, step: number): Promise<number> {
  const target = new URL(databaseUrl);
  for (let kills = 0; ; kills += 1) {
    const gate = await StatementGate.to(Number(target.port));
    const through = new URL(databaseUrl);
    through.port = String(gate.port);
    const abort = new AbortController();
    gate.arm({ statement: (kills + 1) * step, moment: 'after' }, () => abort.abort());
    try {
      const member = await house.spawn({ DATABASE_URL: through.href }, undefined, abort.signal);
      gate.disarm();
      member.child.kill('SIGKILL');
      house.members.splice(house.members.indexOf(member), 1);
      return kills;
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    } finally {
      void gate.close();
    }
  }
}

interface Asked {
  query(text: string): Promise<unknown>;
}

async function emptyDatabase(postgres: Stage['postgres'], name: string) {
  await postgres.query(`CREATE DATABASE ${name}`);
  const ask: Asked = { query: (text) => postgres.query(text, [], name) };
  return { url: postgres.url(name), shape: () => shapeOf(ask) };
}

/** Every column, index and constraint, and which migrations have run. */
async function shapeOf(database: Asked): Promise<string> {
  const parts = [
    `SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
      WHERE table_schema IN ('public', 'graphile_worker') ORDER BY 1, 2, 3`,
    `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`,
    `SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2`,
    'SELECT name FROM migrations ORDER BY name',
  ];
  const found = [];
  for (const part of parts) found.push(await database.query(part));
  return JSON.stringify(found);
}
