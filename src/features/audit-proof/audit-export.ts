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
    const tenantId = currentTenantId();
    const values: unknown[] = [tenantId];
    const [names, conditions] = [['audit_export'], ['']];
    for (const [name, condition] of Object.entries(CONDITIONS) as [keyof ExportFilter, string][]) {
      const value = filter[name];
      if (value === undefined) continue;
      values.push(name === 'from' || name === 'to' ? firstIdAt(value) : value);
      names.push(name);
      conditions.push(` AND ${condition}$${values.length}`);
    }
    return this.pages(tenantId, { name: names.join('_'), text: page(conditions.join(''), values.length) }, values);
  }

  private async *pages(tenantId: string, statement: Statement, values: unknown[]): AsyncGenerator<ExportedEvent[]> {
    for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
      const asked = [...values, after, this.page];
      const rows = await withContext({ tenantId }, () =>
        this.db.reading(() => this.db.execute<SealedEventRow>(statement, asked)),
      );
      if (rows.length > 0) yield rows.map((row) => exported(tenantId, row));
      const last = rows.at(-1);
      if (!last || rows.length < this.page) return;
      after = last.id;
    }
  }

  /** Those that the events of the current tenant are held against, oldest first. */
  checkpoints(): AsyncIterable<string[]> {
    return this.signed(currentTenantId());
  }

  private async *signed(tenantId: string): AsyncGenerator<string[]> {
    for (let after = 0; ; ) {
      const rows = await withContext({ tenantId }, () =>
        this.db.execute<{ number: string; jws: string }>(CHECKPOINTS, [tenantId, after, this.page]),
      );
      if (rows.length > 0) yield rows.map(({ jws }) => jws);
      const last = rows.at(-1);
      if (!last || rows.length < this.page) return;
      after = Number(last.number);
    }
  }
}

// The page first: what is joined to it is as much as it has, whatever the planner knows of the tables.
const page = (conditions: string, count: number) => `
  WITH page AS MATERIALIZED (
    SELECT * FROM audit_events e WHERE e.tenant_id = $1${conditions} AND e.id > $${count + 1} ORDER BY e.id LIMIT $${count + 2})
  SELECT e.id, e.name, e.data, e.actor_type, e.actor_id, e.ip, e.user_agent, e.request_id, e.occurred_at,
         s.sequence, s.hash, s.commitments, s.salts
    FROM page e LEFT JOIN audit_seals s ON s.tenant_id = $1 AND s.event_id = e.id ORDER BY e.id`;

const CHECKPOINTS: Statement = {
  name: 'audit_checkpoints_page',
  text: `
  SELECT number, jws FROM audit_checkpoints
   WHERE tenant_id = $1 AND number > $2
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
