// Owns the maintenance of a tenant and of the installation: since when, why, until when. PostgreSQL has the word; every process hears of it as of
// any other change of a tenant, and keeps it beside the tenant, so that no request asks more for it.
// Hands off to: maintenance-doors.ts, which knows what goes on meanwhile, and the engine for grants.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict, invalid } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type Closure, Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { BeginMaintenance } from './maintenance.schema.js';
import type { MaintenanceFlags } from './maintenance-flags.js';

/** Whose maintenance: of the tenant in the context, or of all. */
export type Whose = 'tenant' | 'installation';

const columns = { tenant: 'maintenance', installation: 'installationMaintenance' } as const;

/** Seconds after which whoever was turned away may ask again, where nobody said when it will be over, or that has passed. */
const usualSeconds = 60;

export class Maintenance {
  constructor(
    private readonly db: Database,
    private readonly tenants: TenantService,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly flags?: MaintenanceFlags,
  ) {}

  /** Why the tenant is closed now: its own reason before that of the installation. */
  async of(tenant: Tenant): Promise<Closure | undefined> {
    const installation = tenant.isDefault ? tenant : await this.tenants.findBySlug('default');
    return tenant.maintenance ?? installation?.installationMaintenance ?? undefined;
  }

  /** Of the tenant in the context. */
  async current(): Promise<Closure | undefined> {
    return this.of(await this.tenants.current());
  }

  /** As told with Retry-After (RFC 9110 §10.2.3). */
  secondsLeft({ until }: Closure): number {
    const left = until ? Math.ceil((Date.parse(until) - this.clock.now().getTime()) / 1000) : 0;
    return left > 0 ? left : usualSeconds;
  }

  async read(whose: Whose): Promise<Closure | undefined> {
    const tenant = await this.db.manager.findOneByOrFail(Tenant, await this.rowOf(whose));
    return tenant[columns[whose]] ?? undefined;
  }

  /** Said again, it goes on with the new words. @throws AppError 422 where it would be over already. */
  begin(whose: Whose, { message, until }: BeginMaintenance): Promise<Closure> {
    const now = this.clock.now();
    if (until && Date.parse(until) <= now.getTime())
      throw invalid('The maintenance would be over already', [{ pointer: '/until', message: 'must be in the future' }]);
    return this.change(whose, async (before) => {
      const closure = {
        since: before?.since ?? now.toISOString(),
        ...(message ? { message } : {}),
        ...(until ? { until: new Date(until).toISOString() } : {}),
      };
      await this.audit.record(before ? 'maintenance.updated' : 'maintenance.started', {
        of: whose,
        until: closure.until ?? null,
      });
      return closure;
    });
  }

  async end(whose: Whose): Promise<void> {
    await this.change(whose, async (before) => {
      if (before) await this.audit.record('maintenance.ended', { of: whose, since: before.since });
      return null;
    });
  }

  /** What Redis has lost is said there again, and nothing stays that has ended. */
  async renewFlags(): Promise<void> {
    if (!this.flags) return;
    const closed = await this.db.manager.query<{ id: string; own: Closure | null; all: Closure | null }[]>(
      `SELECT id, maintenance AS own, installation_maintenance AS all FROM tenants
        WHERE maintenance IS NOT NULL OR installation_maintenance IS NOT NULL`,
    );
    for (const { id, own, all } of closed) {
      if (own) await this.flags.show(id, own);
      if (all) await this.flags.show('installation', all);
    }
  }

  private async change<C extends Closure | null>(
    whose: Whose,
    decide: (before: Closure | null) => Promise<C>,
  ): Promise<C> {
    const where = await this.rowOf(whose);
    return this.db.transaction(async () => {
      const lock = { mode: 'pessimistic_write' } as const;
      const row = await this.db.manager.findOneOrFail(Tenant, { where, lock });
      if (row.deletingAt) throw conflict('tenant_deleting', 'This tenant is being deleted');
      // That of all is in the history of the installation, whoever asked from where.
      const closure = await withContext({ tenantId: row.id }, () => decide(row[columns[whose]]));
      await this.db.manager.update(Tenant, where, { [columns[whose]]: closure });
      await this.tenants.published(row);
      await this.db.afterCommit(() => this.flags?.show(whose === 'tenant' ? row.id : whose, closure));
      return closure;
    });
  }

  private rowOf = async (whose: Whose): Promise<{ id: string }> => ({
    id: whose === 'tenant' ? currentTenantId() : (await this.tenants.ensureDefault()).id,
  });
}
