// Values that are sealed with an older encryption key are sealed anew with the newest, row by row, while everything goes on.
// Which columns there are is said by their features and gathered in sealed-columns.ts.
import type { Sealer } from './crypto.js';
import type { Database } from './database.js';
import type { Logger } from './logger.js';

type Row = Readonly<Record<string, unknown>>;

export interface SealedColumn {
  table: string;
  column: string;
  /** The primary key, in the order of its index. */
  key: readonly string[];
  /** Further columns that the context is made of. */
  also?: readonly string[];
  /** The member, where the sealed text is one of a JSON column. */
  member?: string;
  /** What an index on the rows that have a value demands besides the value itself. */
  condition?: string;
  /** Rows at a time, where the values are long. */
  batch?: number;
  /** What the value was sealed with as context (platform/crypto.ts). */
  context(row: Row): string;
}

/** How many values of a column are sealed with which key. */
export interface Sealed {
  table: string;
  column: string;
  version: string;
  count: number;
}

export interface Rewrapped {
  rewrapped: number;
  /** Sealed with a key that is not configured, or changed since. */
  unreadable: number;
}

const batch = 500;

export class Rewrap {
  /** Per table, as of the last look of this process. */
  readonly stale = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly columns: readonly SealedColumn[],
    private readonly logger: Pick<Logger, 'info' | 'error'>,
  ) {}

  async survey(): Promise<Sealed[]> {
    const found: Sealed[] = [];
    for (const one of this.columns) {
      const rows = (await this.db.manager.query(
        `SELECT split_part(${read(one)}, ':', 1) AS version, count(*)::int AS count FROM ${one.table}
          WHERE ${present(one)} GROUP BY 1`,
      )) as { version: string; count: number }[];
      found.push(...rows.map((row) => ({ table: one.table, column: nameOf(one), ...row })));
    }
    this.stale.clear();
    for (const { table } of this.columns) this.stale.set(table, 0);
    for (const { table, version, count } of found)
      if (this.sealer.ageOf(version) !== 'newest') this.stale.set(table, (this.stale.get(table) ?? 0) + count);
    return found;
  }

  /** @param signal ends it between two batches: what is done is done, and the next run finds the rest. */
  async run(signal?: AbortSignal): Promise<Rewrapped> {
    const total: Rewrapped = { rewrapped: 0, unreadable: 0 };
    const found = await this.survey();
    for (const column of this.columns) {
      const { table } = column;
      const mine = found.filter((one) => one.table === table && one.column === nameOf(column));
      const lost = mine.filter(({ version }) => this.sealer.ageOf(version) === 'unknown');
      for (const { version, count } of lost) {
        total.unreadable += count;
        this.logger.error('sealed values do not open: ENCRYPTION_KEYS lacks their key', {
          table,
          column: nameOf(column),
          version,
          count,
        });
      }
      const versions = mine.filter(({ version }) => this.sealer.ageOf(version) === 'older').map((one) => one.version);
      if (versions.length === 0) continue;
      const { rewrapped, unreadable } = await this.rewrap(column, versions, signal);
      total.rewrapped += rewrapped;
      total.unreadable += unreadable;
    }
    if (total.rewrapped > 0) await this.survey();
    return total;
  }

  private async rewrap(column: SealedColumn, versions: string[], signal: AbortSignal | undefined): Promise<Rewrapped> {
    const done: Rewrapped = { rewrapped: 0, unreadable: 0 };
    let after: unknown[] | undefined;
    do {
      const rows = (await this.db.manager.query(select(column, after !== undefined), [
        versions,
        ...(after ?? []),
      ])) as Row[];
      for (const row of rows) {
        const outcome = await this.seal(column, row);
        if (outcome) done[outcome] += 1;
      }
      const last = rows.at(-1);
      after = last && column.key.map((name) => last[name]);
      this.logger.info('sealed values were sealed anew', { table: column.table, column: nameOf(column), ...done });
      if (rows.length < (column.batch ?? batch)) return done;
    } while (!signal?.aborted);
    return done;
  }

  /** Whoever writes at the same time writes with a key of today, and wins. */
  private async seal(column: SealedColumn, row: Row): Promise<keyof Rewrapped | undefined> {
    const sealed = String(row.sealed);
    const context = column.context(row);
    let text: string;
    try {
      text = this.sealer.open(sealed, context);
    } catch (error) {
      const { table } = column;
      this.logger.error('a sealed value does not open', { table, column: nameOf(column), error });
      return 'unreadable';
    }
    const values = [this.sealer.seal(text, context), sealed, ...column.key.map((name) => row[name])];
    const [, count] = (await this.db.manager.query(update(column), values)) as [unknown, number];
    return count > 0 ? 'rewrapped' : undefined;
  }
}

export const nameOf = ({ column, member }: Pick<SealedColumn, 'column' | 'member'>) =>
  member ? `${column}.${member}` : column;

const read = ({ column, member }: SealedColumn) => (member ? `(${column} ->> '${member}')` : column);

const present = (column: SealedColumn) =>
  [
    column.member ? `${column.column} ? '${column.member}'` : `${column.column} IS NOT NULL`,
    ...(column.condition ? [column.condition] : []),
  ].join(' AND ');

function select(column: SealedColumn, further: boolean): string {
  const key = column.key.join(', ');
  const after = column.key.map((_, index) => `$${index + 2}`).join(', ');
  return `SELECT ${[...column.key, ...(column.also ?? [])].join(', ')}, ${read(column)} AS sealed FROM ${column.table}
    WHERE ${present(column)} AND split_part(${read(column)}, ':', 1) = ANY ($1)
      ${further ? `AND (${key}) > (${after})` : ''}
    ORDER BY ${key} LIMIT ${column.batch ?? batch}`;
}

function update(column: SealedColumn): string {
  const value = column.member ? `jsonb_set(${column.column}, '{${column.member}}', to_jsonb($1::text))` : '$1';
  const same = column.key.map((name, index) => `${name} = $${index + 3}`).join(' AND ');
  return `UPDATE ${column.table} SET ${column.column} = ${value} WHERE ${same} AND ${read(column)} = $2`;
}
