// A row as the real server wrote it, in the words of COPY, with its ids cut out: rows of others are made by putting theirs in.
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { to } from 'pg-copy-streams';

export class Shape<Slot extends string> {
  private constructor(
    readonly table: string,
    private readonly parts: readonly string[],
    private readonly slots: readonly Slot[],
  ) {}

  /**
   * @param where which row; it must be one.
   * @param literals slot → the text that stands in its place, wherever it stands. A slot named as a column cuts that column out, whatever it holds.
   */
  static async of<Slot extends string>(
    client: Client,
    table: string,
    where: string,
    literals: Partial<Record<Slot, string>>,
    columns: readonly Slot[] = [],
  ): Promise<Shape<Slot>> {
    const names = await columnsOf(client, table);
    const lines: Buffer[] = [];
    await pipeline(
      client.query(to(`COPY (SELECT ${names.join(', ')} FROM ${table} WHERE ${where}) TO STDOUT`)),
      async (source) => {
        for await (const chunk of source as AsyncIterable<Buffer>) lines.push(chunk);
      },
    );
    const line = Buffer.concat(lines).toString('utf8').replace(/\n$/, '');
    if (!line || line.includes('\n')) throw new Error(`not one row of ${table} WHERE ${where}`);
    const marks = new Map<string, Slot>();
    for (const [slot, literal] of Object.entries(literals) as [Slot, string][]) marks.set(literal, slot);
    const cells = line.split('\t').map((cell, index) => {
      const slot = columns.find((column) => column === names[index]);
      if (slot === undefined) return cell;
      const mark = `\u0001${slot}\u0001`;
      marks.set(mark, slot);
      return mark;
    });
    const found = new RegExp(
      [...marks.keys()].map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'),
      'g',
    );
    const text = cells.join('\t');
    return new Shape(
      table,
      text.split(found),
      [...text.matchAll(found)].map(([literal]) => marks.get(literal) as Slot),
    );
  }

  /** The line of another row. */
  line(values: Record<Slot, string>): string {
    let line = this.parts[0] ?? '';
    for (let index = 0; index < this.slots.length; index += 1)
      line += values[this.slots[index] as Slot] + this.parts[index + 1];
    return `${line}\n`;
  }
}

async function columnsOf(client: Client, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum',
    [table],
  );
  return rows.map(({ name }) => name);
}
