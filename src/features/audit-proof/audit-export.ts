// The record as a file, however long it is: page by page, no faster than it is read. Oldest first, with what it takes to verify it.
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { firstIdAt } from '../audit/audit.queries.js';
import type { ExportedEvent } from './export-formats.js';
import { type Commitments, type EventRow, type Salts, shown } from './sealed-event.js';

export interface ExportFilter {
  user_id?: string | undefined;
  actor?: string | undefined;
  name?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface SealedEventRow extends EventRow {
  sequence: string | null;
  hash: Buffer | null;
  commitments: Commitments | null;
  salts: Salts | null;
}

/** Who is asked and what they did is found by an index of its own, in the order of the ids. */
const CONDITIONS: Readonly<Record<keyof ExportFilter, string>> = {
  user_id: `e.data ->> 'user_id' = `,
  actor: 'e.actor_id = ',
  name: 'e.name = ',
  from: 'e.id >= ',
  to: 'e.id < ',
};

export class AuditExport {
  constructor(
    private readonly db: Database,
    private readonly page = 100,
  ) {}

  /** Of the current tenant, whoever reads it: a page is asked for when the one before is gone. */
  events(filter: ExportFilter): AsyncIterable<ExportedEvent[]> {
    // Before the first is asked for: that is when the request has been answered.
    return this.eventsOf(currentTenantId(), filter);
  }

  private async *eventsOf(tenantId: string, filter: ExportFilter): AsyncGenerator<ExportedEvent[]> {
    for (let after: string | undefined; ; ) {
      const events = await withContext({ tenantId }, () => this.eventsAfter(filter, after, this.page));
      if (events.length > 0) yield events;
      after = events.at(-1)?.id;
      if (events.length < this.page) return;
    }
  }

  /** One page of them. @param after the id of the last of the page before. */
  async eventsAfter(filter: ExportFilter, after = BEGINNING, page = this.page): Promise<ExportedEvent[]> {
    const tenantId = currentTenantId();
    const { name, conditions, values } = asked(tenantId, filter);
    const statement = { name: `audit_export${name}`, text: PAGE(conditions, values.length) };
    const rows = await this.db.reading(() => this.db.execute<SealedEventRow>(statement, [...values, after, page]));
    return rows.map((row) => exported(tenantId, row));
  }

  /** @returns null where there are more than that. */
  async count(filter: ExportFilter, most: number): Promise<number | null> {
    const { name, conditions, values } = asked(currentTenantId(), filter);
    const statement = { name: `audit_export_count${name}`, text: COUNT(conditions, values.length) };
    const [{ count } = { count: 0 }] = await this.db.reading(() =>
      this.db.execute<{ count: number }>(statement, [...values, most]),
    );
    return count > most ? null : count;
  }

  /** Those that the events of the current tenant are held against, oldest first. */
  checkpoints(): AsyncIterable<string[]> {
    return this.checkpointsOf(currentTenantId());
  }

  private async *checkpointsOf(tenantId: string): AsyncGenerator<string[]> {
    for (let after: number | undefined; ; ) {
      const found = await withContext({ tenantId }, () => this.checkpointsAfter(after, this.page));
      if (found.length > 0) yield found.map(({ jws }) => jws);
      after = found.at(-1)?.number;
      if (found.length < this.page) return;
    }
  }

  /** @param until what was signed later is left out: it is for events that are not there. */
  async checkpointsAfter(after = 0, page = this.page, until?: Date): Promise<{ number: number; jws: string }[]> {
    const values = [currentTenantId(), after, page, until ?? null];
    const rows = await this.db.execute<{ number: string; jws: string }>(CHECKPOINTS, values);
    return rows.map(({ number, jws }) => ({ number: Number(number), jws }));
  }
}

/** What is about one person or one kind of event is no chain: there is nothing to hold a checkpoint against. */
export const isChain = ({ user_id, actor, name }: ExportFilter): boolean =>
  [user_id, actor, name].every((value) => value === undefined);

/** Before the first of them: ids begin with their time. */
const BEGINNING = '00000000-0000-0000-0000-000000000000';

/** @returns the name is of the same filters only: what is prepared under it is one statement. */
function asked(tenantId: string, filter: ExportFilter): { name: string; conditions: string; values: unknown[] } {
  const names = [''];
  const conditions: string[] = [];
  const values: unknown[] = [tenantId];
  for (const [name, condition] of Object.entries(CONDITIONS) as [keyof ExportFilter, string][]) {
    const value = filter[name];
    if (value === undefined) continue;
    values.push(name === 'from' || name === 'to' ? firstIdAt(value) : value);
    names.push(name);
    conditions.push(` AND ${condition}$${values.length}`);
  }
  return { name: names.join('_'), conditions: conditions.join(''), values };
}

const COUNT = (conditions: string, count: number) =>
  `SELECT count(*)::int AS count FROM (SELECT 1 FROM audit_events e WHERE e.tenant_id = $1${conditions} LIMIT $${count + 1}::int + 1) AS found`;

// The page first: what is joined to it is as much as it has, whatever the planner knows of the tables.
const PAGE = (conditions: string, count: number) => `
  WITH page AS MATERIALIZED (
    SELECT * FROM audit_events e WHERE e.tenant_id = $1${conditions} AND e.id > $${count + 1} ORDER BY e.id LIMIT $${count + 2})
  SELECT e.id, e.name, e.data, e.actor_type, e.actor_id, e.ip, e.user_agent, e.request_id, e.occurred_at,
         s.sequence, s.hash, s.commitments, s.salts
    FROM page e LEFT JOIN audit_seals s ON s.tenant_id = $1 AND s.event_id = e.id ORDER BY e.id`;

const CHECKPOINTS: Statement = {
  name: 'audit_checkpoints_page',
  text: `
  SELECT number, jws FROM audit_checkpoints
   WHERE tenant_id = $1 AND number > $2 AND ($4::timestamptz IS NULL OR created_at <= $4)
     AND last_sequence >= (SELECT min(sequence) - 1 FROM audit_seals WHERE tenant_id = $1)
   ORDER BY number LIMIT $3`,
};

export const exported = (tenantId: string, row: SealedEventRow): ExportedEvent => ({
  tenant_id: tenantId,
  ...shown(row),
  sequence: row.sequence === null ? null : Number(row.sequence),
  hash: row.hash?.toString('base64url') ?? null,
  commitments: row.commitments ?? {},
  salts: row.salts ?? {},
});
