// npm run prove -- scale [--factor 0.01] [--only words]: a million users, five million refresh tokens and ten million audit events beside an
// empty database, two real servers asked in turn; then the clean-up under load. At full size it writes docs/reports/scale.md.
import { writeReport } from '../support/report.js';
import { sweepBacklog } from './scale/backlog.js';
import { compare, type Row } from './scale/compare.js';
import { migrated, type NamedDatabase, namedDatabase, onServer } from './scale/database.js';
import { everybody, load, participants } from './scale/load.js';
import { Operations } from './scale/operations.js';
import { Population } from './scale/population.js';
import { isReached, type Measured, reportOf } from './scale/report.js';
import { captureShapes } from './scale/shapes.js';
import { type Side, startSide } from './scale/side.js';
import { steadyLoad } from './scale/steady.js';

const backlogRows = 300_000;
const steadySeconds = 90;

/** @returns true where every bound is kept. */
export async function proveScale(words: string[]): Promise<boolean> {
  const factor = Number(argument(words, '--factor') ?? 1);
  const only = argument(words, '--only');
  const population = new Population(factor);
  const steady = await inTurn(async (open) => {
    const database = await open(() => namedDatabase('ostiary_scale_steady'));
    return steadyLoad(await open(() => startSide('steady', database)), steadySeconds);
  });
  say(`steady load: ${JSON.stringify(steady)}`);
  const rest = await inTurn(async (open) => {
    const [empty, full] = [
      await open(() => namedDatabase('ostiary_scale_empty')),
      await open(() => namedDatabase('ostiary_scale_full')),
    ];
    const first = await open(() => startSide('empty', empty));
    const { operations, loadSeconds, bytes } = await fill(population, first, empty, full);
    const second = await open(() => startSide('full', full));
    for (const side of [first, second]) await operations.begin(side);
    const rows: Row[] = [];
    for (const operation of operations.all.filter(({ name }) => name.includes(only ?? ''))) {
      const row = await compare(operation, [first, second]);
      rows.push(row);
      say(
        `${row.name}: ${row.empty.toFixed(1)} ms, ${row.full.toFixed(1)} ms, ${row.ratio.toFixed(2)} ${row.remark ?? ''}`,
      );
    }
    const backlog = await sweepBacklog(second, operations, Math.max(50_000, Math.round(backlogRows * factor)));
    say(`backlog: ${JSON.stringify(backlog)}`);
    return { loadSeconds, bytes, rows, backlog };
  });
  const measured: Measured = { factor, counts: population.counts, steady, ...rest };
  const text = await reportOf(measured);
  if (factor === 1 && !only) {
    writeReport('scale', text);
  } else say(text);
  return isReached(measured);
}

/** Those who take part into the one database, everybody into the other. */
async function fill(population: Population, first: Side, empty: NamedDatabase, full: NamedDatabase) {
  const shapes = await captureShapes(first.house, first.server);
  const common = { shapes, population, sealer: first.house.services.sealer, say };
  await load({ ...common, url: empty.url }, participants(population), false);
  await migrated(full);
  const started = performance.now();
  await load({ ...common, url: full.url }, everybody(population), true);
  const loadSeconds = (performance.now() - started) / 1000;
  const bytes = await onServer(
    async (db) => Number((await db.query('SELECT pg_database_size(current_database()) AS bytes')).rows[0].bytes),
    full.url,
  );
  return { operations: new Operations(population, shapes.clientSecret), loadSeconds, bytes };
}

type Open = <T extends { close(): Promise<void> }>(make: () => Promise<T>) => Promise<T>;

/** What was opened is closed again, the last first, however it ends. */
async function inTurn<T>(work: (open: Open) => Promise<T>): Promise<T> {
  const opened: { close(): Promise<void> }[] = [];
  try {
    return await work(async (make) => {
      const made = await make();
      opened.push(made);
      return made;
    });
  } finally {
    for (const one of opened.reverse()) await one.close().catch((error: unknown) => say(String(error)));
  }
}

const say = (line: string) => console.log(line);

function argument(words: string[], name: string): string | undefined {
  const place = words.indexOf(name);
  return place < 0 ? undefined : words[place + 1];
}
