// The two statements of every token request: what many ask in the same turn they read and write together. Inside a transaction a statement is
// that transaction's own.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { together } from '../../platform/together.js';
import type { Payload } from './handles.js';
import type { AccountRow } from './request.js';
import * as statements from './statements.js';

/** A token, code or request with what it stands on. */
export interface FoundRow {
  handle_hash: Buffer;
  kind: string;
  payload: Payload | null;
  sealed_payload: string | null;
  consumed_at: Date | null;
  sealed_answer: string | null;
  answer_until: Date | null;
  grant_id: string | null;
  session_uid: string | null;
  account_id: string | null;
  grant_payload: Payload | null;
  grant_expires_at: Date | null;
  grant_organization_id: string | null;
  session_payload: Payload | null;
  session_expires_at: Date | null;
  account: AccountRow | null;
}

export class RowStore {
  private readonly readTogether;
  private readonly insertTogether;

  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    this.readTogether = together(async (tenantId, all: Buffer[][]) =>
      distribute(await this.readAll(tenantId, all.flat()), all),
    );
    this.insertTogether = together(async (tenantId, all: object[][]) => {
      await this.insertAll(tenantId, all.flat());
      return all.map(() => undefined);
    });
  }

  async read(hashes: Buffer[]): Promise<FoundRow[]> {
    const tenantId = currentTenantId();
    return this.db.inTransaction ? this.readAll(tenantId, hashes) : this.readTogether(tenantId, hashes);
  }

  async insert(records: object[]): Promise<void> {
    const tenantId = currentTenantId();
    await (this.db.inTransaction ? this.insertAll(tenantId, records) : this.insertTogether(tenantId, records));
  }

  private readAll(tenantId: string, hashes: Buffer[]): Promise<FoundRow[]> {
    return this.db.execute<FoundRow>(statements.findRow, [tenantId, hashes, this.clock.now()]);
  }

  private insertAll(tenantId: string, records: object[]): Promise<object[]> {
    return this.db.execute(statements.insertNewRows, [tenantId, JSON.stringify(records)]);
  }
}

/** Two requests with one token share a statement, never an object: the engine changes what it is given. */
function distribute(rows: FoundRow[], all: Buffer[][]): FoundRow[][] {
  const found = new Map(rows.map((row) => [row.handle_hash.toString('hex'), row]));
  const handedOut = new Set<FoundRow>();
  const own = (row: FoundRow): FoundRow => {
    if (handedOut.has(row)) return structuredClone(row);
    handedOut.add(row);
    return row;
  };
  return all.map((hashes) => hashes.flatMap((hash) => found.get(hash.toString('hex')) ?? []).map(own));
}
