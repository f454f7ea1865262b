// Owns the end of a tenant: everything it has goes in small batches, then the tenant itself. Each batch is one transaction that also counts
// it, so whoever is killed in between is followed by another who goes on with what is left; two at once take turns.
// Hands off to: nobody. services.ts runs it as a job, the command line runs it to its end.
import { withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Tenant } from './tenant.entity.js';
import type { TenantService } from './tenant.service.js';

const BATCH = 1_000;

export class TenantDeletion {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly batchSize = BATCH,
  ) {}

  /** All that are being deleted, or one. @param signal stops between two batches. */
  async run({ tenantId, signal }: { tenantId?: string; signal?: AbortSignal } = {}): Promise<void> {
    const ids = (await this.db.manager.query(
      'SELECT id FROM tenants WHERE deleting_at IS NOT NULL AND ($1::uuid IS NULL OR id = $1) ORDER BY id',
      [tenantId ?? null],
    )) as { id: string }[];
    for (const { id } of ids) await this.remove(id, signal);
    // A request that was under way when the tenant ended may have written afterwards what no foreign key refuses.
    if (tenantId && ids.length === 0) await this.removeLeftovers(tenantId);
  }

  private async remove(tenantId: string, signal: AbortSignal | undefined): Promise<void> {
    const tables = await this.tables();
    for (const table of tables) {
      for (let full = true; full; ) {
        if (signal?.aborted) return;
        full = await this.db.transaction(
          async () => (await this.locked(tenantId)) && (await this.take(tenantId, table)) >= this.batchSize,
        );
      }
    }
    if (!signal?.aborted) await this.finish(tenantId, tables);
  }

  /** One at a time; rows that refer to the tenant can still be written, and are found in the end. @returns false where it is gone. */
  private async locked(tenantId: string): Promise<boolean> {
    const rows = await this.db.manager.query(
      'SELECT 1 FROM tenants WHERE id = $1 AND deleting_at IS NOT NULL FOR NO KEY UPDATE',
      [tenantId],
    );
    return rows.length > 0;
  }

  /** @returns how many rows went: more than a batch where partitions have them at the same places. */
  private async take(tenantId: string, table: string): Promise<number> {
    const [, count] = (await this.db.manager.query(
      `DELETE FROM ${table}
        WHERE tenant_id = $1 AND ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE tenant_id = $1 LIMIT $2))`,
      [tenantId, this.batchSize],
    )) as [unknown[], number];
    if (count > 0)
      await this.db.manager.query(
        `UPDATE tenants SET deleted_rows = deleted_rows ||
           jsonb_build_object($2::text, COALESCE((deleted_rows ->> $2)::bigint, 0) + $3::bigint) WHERE id = $1`,
        [tenantId, table, count],
      );
    return count;
  }

  /** The lock keeps out whoever would still write; what came meanwhile is little. */
  private finish(tenantId: string, tables: readonly string[]): Promise<void> {
    return this.db.transaction(async () => {
      await this.db.manager.query('SELECT 1 FROM tenants WHERE id = $1 FOR UPDATE', [tenantId]);
      for (const table of tables) while ((await this.take(tenantId, table)) >= this.batchSize);
      const tenant = await this.db.manager.findOneBy(Tenant, { id: tenantId });
      if (!tenant) return;
      await this.db.manager.delete(Tenant, { id: tenantId });
      const { id: installation } = await this.tenants.ensureDefault();
      const { slug, deletedRows: rows } = tenant;
      await withContext({ tenantId: installation }, () =>
        this.audit.record('tenant.deleted', { tenant_id: tenantId, slug, rows }),
      );
      await this.tenants.published(tenant);
    });
  }

  private async removeLeftovers(tenantId: string): Promise<void> {
    for (const table of await this.tables())
      await this.db.manager.query(
        `DELETE FROM ${table} WHERE tenant_id = $1 AND NOT EXISTS (SELECT 1 FROM tenants WHERE id = $1)`,
        [tenantId],
      );
  }

  /** Whatever belongs to a tenant, now and in later versions: those that refer come before those they refer to. */
  private async tables(): Promise<string[]> {
    const rows = (await this.db.manager.query(TABLES)) as { name: string; refers_to: string[] }[];
    const ordered: string[] = [];
    const visit = ({ name }: { name: string }): void => {
      if (ordered.includes(name)) return;
      for (const other of rows) if (other.name !== name && other.refers_to.includes(name)) visit(other);
      ordered.push(name);
    };
    for (const row of rows) visit(row);
    return ordered;
  }
}

// Partitions are reached through the table they are part of.
const TABLES = `
  SELECT t.oid::regclass::text AS name,
         ARRAY(SELECT f.confrelid::regclass::text FROM pg_constraint f WHERE f.conrelid = t.oid AND f.contype = 'f') AS refers_to
    FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
   WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
   ORDER BY t.relname`;
