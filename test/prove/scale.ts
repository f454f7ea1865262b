// npm run prove -- scale [--factor 0.01] [--keep] [--only words]: a million users, five million refresh tokens and ten million audit events
// beside an empty database, two real servers asked in turn; and the clean-up under load. Writes docs/reports/scale.md at full size.

import { compare, type Row } from './scale/compare.js';
import { migrated, namedDatabase } from './scale/database.js';
import { everybody, load, participants } from './scale/load.js';
import { Operations } from './scale/operations.js';
import { Population } from './scale/population.js';
import { captureShapes } from './scale/shapes.js';
import { type Side, startSide } from './scale/side.js';

export async function proveScale(words: string[]): Promise<boolean> {
  const population = new Population(Number(argument(words, '--factor') ?? 1));
  const only = argument(words, '--only') ?? '';
  const say = (line: string) => console.log(line);
  const open: { close(): Promise<void> }[] = [];
  try {
    const empty = await opened(open, () => namedDatabase('ostiary_scale_empty'));
    const full = await opened(open, () => namedDatabase('ostiary_scale_full'));
    const first: Side = await opened(open, () => startSide('empty', empty));
    const shapes = await captureShapes(first.house, first.server);
    const { sealer } = first.house.services;
    await load({ url: empty.url, shapes, population, sealer, say }, participants(population), false);
    await migrated(full);
    await load({ url: full.url, shapes, population, sealer, say }, everybody(population), true);
    const second: Side = await opened(open, () => startSide('full', full));
    const operations = new Operations(population, shapes.clientSecret);
    const rows: Row[] = [];
    for (const side of [first, second]) await operations.begin(side);
    for (const operation of operations.all.filter(({ name }) => name.includes(only))) {
      const row = await compare(operation, [first, second]);
      rows.push(row);
      say(
        `${row.name}: ${row.empty.toFixed(1)} ms, ${row.full.toFixed(1)} ms, × ${row.ratio.toFixed(2)} ${row.remark ?? ''}`,
      );
    }
    return rows.every(({ ratio }) => ratio <= 1.2);
  } finally {
    for (const one of open.reverse()) await one.close().catch((error: unknown) => console.error(String(error)));
  }
}

async function opened<T extends { close(): Promise<void> }>(
  open: { close(): Promise<void> }[],
  make: () => Promise<T>,
): Promise<T> {
  const made = await make();
  open.push(made);
  return made;
}

const argument = (words: string[], name: string): string | undefined => {
  const place = words.indexOf(name);
  return place < 0 ? undefined : words[place + 1];
};
