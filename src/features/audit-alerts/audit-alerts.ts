// Tells the administrators of a tenant of what they would want to look at. Reads what was sealed, so that it misses nothing and nobody waits for it.
// Hands off to: mail, in the transaction that says up to where was looked.
import { auditAlerts } from '../../../config/protocol.js';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import type { Logger } from '../../platform/logger.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailService } from '../mail/mail.service.js';
import { ADMIN } from '../users/user.entity.js';

export const ALERT_TASK = 'audit.alert';

export const alertKinds = ['sign_in_failures', 'administrator_appointed', 'audit_log_broken'] as const;
export type AlertKind = (typeof alertKinds)[number];

interface Seen {
  failures: boolean;
  broken: boolean;
  appointed: string[] | null;
}

export class AuditAlerts {
  /** Since this process began. */
  readonly raised = new Map<AlertKind, number>();

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'error'>,
    private readonly settings: { accounts: number; minutes: number; quietMinutes: number } = auditAlerts,
  ) {}

  /** Over all tenants of which something was sealed. One tenant's trouble is not that of the others. @returns how many alerts. */
  async run(signal?: AbortSignal): Promise<number> {
    let total = 0;
    for (const { tenant_id: tenantId } of await this.db.execute<{ tenant_id: string }>(DUE, [])) {
      if (signal?.aborted) return total;
      try {
        total += await withContext({ tenantId }, () => this.look());
      } catch (error) {
        this.logger.error('the audit log of a tenant could not be watched', { tenant: tenantId, error });
      }
    }
    return total;
  }

  private look(): Promise<number> {
    return this.db.transaction(async () => {
      const tenantId = currentTenantId();
      const [chain] = await this.db.execute<{ seen: string; last: string }>(TAKE, [tenantId]);
      if (!chain) return 0;
      const [seen] = await this.db.execute<Seen>(SEEN, [tenantId, chain.seen, chain.last, this.ago(60), ADMIN]);
      await this.db.execute(DONE, [tenantId, chain.last]);
      let count = 0;
      for (const user_id of seen?.appointed ?? []) count += await this.raise('administrator_appointed', { user_id });
      if (seen?.broken && !(await this.isTold('audit_log_broken'))) count += await this.raise('audit_log_broken');
      if (seen?.failures) count += await this.judgeFailures();
      return count;
    });
  }

  /** One address that is guessed at is the lockout's; many are somebody who goes through a list. */
  private async judgeFailures(): Promise<number> {
    const { accounts: most, minutes } = this.settings;
    const [row] = await this.db.execute<{ accounts: number }>(FAILURES, [currentTenantId(), this.ago(minutes)]);
    const accounts = row?.accounts ?? 0;
    if (accounts < most || (await this.isTold('sign_in_failures'))) return 0;
    return this.raise('sign_in_failures', { accounts });
  }

  private async raise(kind: AlertKind, about: { user_id?: string; accounts?: number } = {}): Promise<number> {
    await this.audit.record('security.alerted', { kind, ...about });
    const letter = { kind, at: this.clock.now().toISOString(), count: about.accounts ?? 0 };
    for (const { email, locale } of await this.db.execute<{ email: string; locale: string | null }>(ADMINISTRATORS, [
      currentTenantId(),
      ADMIN,
    ]))
      await this.mail.send('security_alert', email, letter, locale ?? undefined);
    await this.db.afterCommit(() => this.raised.set(kind, (this.raised.get(kind) ?? 0) + 1));
    return 1;
  }

  /** What goes on for an hour is told once. */
  private async isTold(kind: AlertKind): Promise<boolean> {
    const rows = await this.db.execute(TOLD, [currentTenantId(), kind, this.ago(this.settings.quietMinutes)]);
    return rows.length > 0;
  }

  private ago(minutes: number): Date {
    return new Date(this.clock.now().getTime() - minutes * 60_000);
  }
}

const DUE: Statement = {
  name: 'audit_alerts_due',
  text: `
    SELECT c.tenant_id FROM audit_chains c JOIN tenants t ON t.id = c.tenant_id
     WHERE c.last_sequence > c.alerted_sequence AND t.deleting_at IS NULL AND t.suspended_at IS NULL`,
};

const TAKE: Statement = {
  name: 'audit_chain_to_watch',
  text: `
    SELECT alerted_sequence AS seen, last_sequence AS last FROM audit_chains
     WHERE tenant_id = $1 AND last_sequence > alerted_sequence FOR UPDATE SKIP LOCKED`,
};

/** Whoever got the role, whether or not they have it still: a moment is enough to use it. Or was made with it. What is older than an hour is not news. */
const SEEN: Statement = {
  name: 'audit_seen',
  text: `
    WITH seen AS MATERIALIZED (
      SELECT e.name, e.data FROM audit_seals s JOIN audit_events e ON e.tenant_id = s.tenant_id AND e.id = s.event_id
       WHERE s.tenant_id = $1 AND s.sequence > $2 AND s.sequence <= $3 AND e.occurred_at > $4
         AND (e.name IN ('sign_in.failed', 'audit_log.broken', 'user.created')
              OR (e.name = 'role.assigned' AND e.data ? 'user_id' AND e.data ->> 'role' = $5)))
    SELECT EXISTS (SELECT FROM seen WHERE name = 'sign_in.failed') AS failures,
           EXISTS (SELECT FROM seen WHERE name = 'audit_log.broken') AS broken,
           (SELECT array_agg(DISTINCT s.data ->> 'user_id') FROM seen s
             WHERE s.name = 'role.assigned'
                OR (s.name = 'user.created' AND EXISTS (
                      SELECT FROM users u WHERE u.tenant_id = $1 AND u.id::text = s.data ->> 'user_id' AND $5 = ANY (u.roles)))) AS appointed`,
};

const DONE: Statement = {
  name: 'audit_watched',
  text: 'UPDATE audit_chains SET alerted_sequence = $2 WHERE tenant_id = $1',
};

const FAILURES: Statement = {
  name: 'audit_failures',
  text: `
    SELECT count(DISTINCT data ->> 'subject_hash')::int AS accounts FROM (
      SELECT data, occurred_at FROM audit_events WHERE tenant_id = $1 AND name = 'sign_in.failed' ORDER BY id DESC LIMIT 10000) AS newest
     WHERE occurred_at > $2`,
};

const TOLD: Statement = {
  name: 'audit_alerts_told',
  text: `
    SELECT 1 FROM (SELECT data, occurred_at FROM audit_events WHERE tenant_id = $1 AND name = 'security.alerted' ORDER BY id DESC LIMIT 100) AS newest
     WHERE data ->> 'kind' = $2 AND occurred_at > $3 LIMIT 1`,
};

const ADMINISTRATORS: Statement = {
  name: 'audit_administrators',
  text: `
    SELECT email, claims ->> 'locale' AS locale FROM users
     WHERE tenant_id = $1 AND $2 = ANY (roles) AND email_verified AND disabled_at IS NULL AND deletion_at IS NULL
     ORDER BY created_at, id LIMIT 50`,
};
