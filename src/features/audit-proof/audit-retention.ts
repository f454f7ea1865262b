// Takes away what is older than a tenant keeps, a checkpoint's events at a time, so that the chain that is left begins where one was signed.
// Where there is an archive, nothing goes that is not in it.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import type { Logger } from '../../platform/logger.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { Archive, ArchivedPart } from './audit-archive.js';
import { exported, type SealedEventRow } from './audit-export.js';

export const RETAIN_TASK = 'audit.retain';

interface Due {
  number: string;
  first_sequence: string;
  last_sequence: string;
  jws: string;
  before: string | null;
}

export class AuditRetention {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: Pick<TenantService, 'current'>,
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'error'>,
    private readonly archive?: Archive,
  ) {}

  /** Of each tenant that says how long. One tenant's trouble is not that of the others. @returns how many events went. */
  async run(signal?: AbortSignal): Promise<number> {
    const due = (await this.db.manager.query(TENANTS)) as { id: string }[];
    let total = 0;
    for (const { id: tenantId } of due) {
      try {
        total += await withContext({ tenantId }, () => this.tend(signal));
      } catch (error) {
        this.logger.error('old audit events of a tenant could not be taken away', { tenant: tenantId, error });
      }
    }
    return total;
  }

  private async tend(signal?: AbortSignal): Promise<number> {
    const { retention_days: days } = (await this.tenants.current()).settings.audit;
    if (days === null) return 0;
    const before = new Date(this.clock.now().getTime() - days * 24 * 3600 * 1000);
    let total = 0;
    for (let last = 0; !signal?.aborted; ) {
      const [due] = await this.db.execute<Due>(OLDEST, [currentTenantId(), before]);
      if (!due || Number(due.last_sequence) <= last) break;
      const events = await this.db.execute<SealedEventRow>(EVENTS, [
        currentTenantId(),
        due.first_sequence,
        due.last_sequence,
      ]);
      // Another process was first: what it has kept is not written over with nothing.
      if (events.length === 0) break;
      await this.archive?.keep(partOf(due, events));
      if ((await this.remove(due)) === 0) break;
      last = Number(due.last_sequence);
      total += events.length;
    }
    // Told once for a run: the record of it is the newest there is, not the oldest.
    if (total > 0)
      await this.audit.record('audit_log.trimmed', { events: total, archived: this.archive !== undefined });
    return total;
  }

  /** @returns how many seals; 0 where another process was first. */
  private remove({ first_sequence, last_sequence }: Due): Promise<number> {
    return this.db.transaction(async () => {
      const [chain] = await this.db.execute(TAKE, [currentTenantId()]);
      if (!chain) return 0;
      const [row] = await this.db.execute<{ count: number }>(REMOVE, [
        currentTenantId(),
        first_sequence,
        last_sequence,
      ]);
      return row?.count ?? 0;
    });
  }
}

const partOf = ({ first_sequence, last_sequence, jws, before }: Due, rows: SealedEventRow[]): ArchivedPart => ({
  tenantId: currentTenantId(),
  first: Number(first_sequence),
  last: Number(last_sequence),
  checkpoints: before ? [before, jws] : [jws],
  events: rows.map((row) => exported(currentTenantId(), row)),
});

const TENANTS = `
  SELECT id FROM tenants WHERE deleting_at IS NULL AND settings -> 'audit' ->> 'retention_days' IS NOT NULL ORDER BY id`;

/** The oldest checkpoint whose events are there, if it is old enough: what it was signed for had happened by then. */
const OLDEST: Statement = {
  name: 'audit_oldest_checkpoint',
  text: `
    SELECT c.number, c.first_sequence, c.last_sequence, c.jws,
           (SELECT b.jws FROM audit_checkpoints b WHERE b.tenant_id = c.tenant_id AND b.number = c.number - 1) AS before
      FROM audit_checkpoints c
     WHERE c.tenant_id = $1 AND c.created_at <= $2 AND c.last_sequence >= c.first_sequence
       AND c.last_sequence >= (SELECT min(sequence) FROM audit_seals WHERE tenant_id = $1)
     ORDER BY c.number LIMIT 1`,
};

const EVENTS: Statement = {
  name: 'audit_events_of_checkpoint',
  text: `
    SELECT e.id, e.name, e.data, e.actor_type, e.actor_id, e.ip, e.user_agent, e.request_id, e.occurred_at,
           s.sequence, s.hash, s.commitments, s.salts
      FROM audit_seals s JOIN audit_events e ON e.tenant_id = s.tenant_id AND e.id = s.event_id
     WHERE s.tenant_id = $1 AND s.sequence BETWEEN $2 AND $3 ORDER BY e.id`,
};

const TAKE: Statement = {
  name: 'audit_chain_to_trim',
  text: 'SELECT 1 FROM audit_chains WHERE tenant_id = $1 FOR UPDATE',
};

const REMOVE: Statement = {
  name: 'audit_trim',
  text: `
    WITH gone AS (
      DELETE FROM audit_seals WHERE tenant_id = $1 AND sequence BETWEEN $2 AND $3 RETURNING event_id
    ), emptied AS (
      DELETE FROM audit_events WHERE tenant_id = $1 AND id IN (SELECT event_id FROM gone)
    )
    SELECT count(*)::int AS count FROM gone`,
};
