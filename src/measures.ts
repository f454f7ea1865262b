// What a process says about itself beyond its requests: what the doors count, hashing, database connections and, where jobs are done, the queue.
import { alertKinds } from './features/audit-alerts/audit-alerts.js';
import type { CounterHandle, Metrics } from './platform/metrics.js';
import type { Services } from './services.js';

/** What the doors count. */
export const countersOf = (metrics: Metrics) => ({
  tokensIssued: metrics.counter({
    name: 'tokens_issued_total',
    help: 'Token responses by grant type',
    labels: { grant_type: ['authorization_code', 'refresh_token', 'client_credentials'] },
  }),
  engineErrors: metrics.counter({
    name: 'engine_errors_total',
    help: 'Refusals by endpoint and error',
    labels: { endpoint: isName, error: isName },
  }),
  signIns: metrics.counter({
    name: 'sign_ins_total',
    help: 'Submitted passwords by outcome',
    labels: { outcome: ['ok', 'failed', 'locked', 'denied', 'too_many_requests', 'busy', 'captcha_required'] },
  }),
});

/** Names of the engine's own making, not of the sender's. */
const isName = (value: string) => /^[a-z_]{1,60}$/.test(value);

export function observeResources(metrics: Metrics, { hasher, db }: Services): void {
  metrics.gauge({
    name: 'hashing_queue_length',
    help: 'Passwords waiting to be hashed',
    collect: (gauge) => gauge.set({}, hasher.queueLength),
  });
  metrics.gauge({
    name: 'hashing_busy',
    help: 'Hashing processes at work',
    collect: (gauge) => gauge.set({}, hasher.busy),
  });
  metrics.gauge({
    name: 'db_pool_connections',
    help: 'Database connections by state; waiting counts requests without one',
    labels: { state: ['total', 'idle', 'waiting'] },
    collect(gauge) {
      gauge.set({ state: 'total' }, db.pool.totalCount);
      gauge.set({ state: 'idle' }, db.pool.idleCount);
      gauge.set({ state: 'waiting' }, db.pool.waitingCount);
    },
  });
}

/** The queue is one for all machines: whoever does jobs reports it, and each reports the same. */
export function observeJobs(
  metrics: Metrics,
  {
    jobs,
    rewrap,
    mailHealth,
    logoutNotices,
    auditCheckpoints,
    auditAlerts,
  }: Pick<Services, 'jobs' | 'rewrap' | 'mailHealth' | 'logoutNotices' | 'auditCheckpoints' | 'auditAlerts'>,
): void {
  metrics.gauge({
    name: 'mail_healthy',
    help: 'Whether the mail server takes mail: 1 or 0, as of the last minute it was asked',
    aggregator: 'max',
    collect(gauge) {
      const health = mailHealth.look();
      if (health) gauge.set({}, health === 'healthy' ? 1 : 0);
    },
  });
  metrics.gauge({
    name: 'logout_notices_open',
    help: 'Relying parties that are still to be told of a session that ended: queued ones are tried again, failed ones were given up',
    labels: { status: ['queued', 'failed'] },
    aggregator: 'max',
    async collect(gauge) {
      const open = await logoutNotices.open().catch(() => undefined);
      for (const [status, count] of Object.entries(open ?? {})) gauge.set({ status }, count);
    },
  });
  metrics.gauge({
    name: 'sealed_values_stale',
    help: 'Values sealed with an older encryption key, as of the last look of the job',
    labels: { table: (table) => rewrap.stale.has(table) },
    aggregator: 'max',
    collect(gauge) {
      for (const [table, count] of rewrap.stale) gauge.set({ table }, count);
    },
  });
  metrics.gauge({
    name: 'audit_chains_broken',
    help: 'Tenants whose audit log does not hang together any more: ostiary audit verify says where',
    aggregator: 'max',
    collect: (gauge) => gauge.set({}, auditCheckpoints.brokenChains.size),
  });
  metrics.gauge({
    name: 'security_alerts',
    help: 'Alerts to administrators by kind, since the process that does jobs began',
    labels: { kind: alertKinds },
    collect(gauge) {
      for (const kind of alertKinds) gauge.set({ kind }, auditAlerts.raised.get(kind) ?? 0);
    },
  });
  let asking: ReturnType<typeof jobs.queue> | undefined;
  const queue = () => {
    asking ??= jobs.queue().finally(() => {
      asking = undefined;
    });
    // Without a database the other numbers are wanted all the more.
    return asking.catch(() => undefined);
  };
  metrics.gauge({
    name: 'jobs_queue_length',
    help: 'Jobs by state: due ones wait for a worker, dead ones have failed for good',
    labels: { state: ['due', 'running', 'later', 'dead'] },
    aggregator: 'max',
    async collect(gauge) {
      const { due = 0, running = 0, later = 0, dead = 0 } = (await queue()) ?? {};
      for (const [state, count] of Object.entries({ due, running, later, dead })) gauge.set({ state }, count);
    },
  });
  metrics.gauge({
    name: 'jobs_oldest_due_seconds',
    help: 'For how long the oldest job that may run has waited',
    aggregator: 'max',
    collect: async (gauge) => gauge.set({}, (await queue())?.oldest ?? 0),
  });
}

/** Of a primary. @param serving how many workers of a role do their work. @returns what counts those that were replaced. */
export function observeWorkers(
  metrics: Metrics,
  serving: (role: 'web' | 'jobs') => number,
): CounterHandle<'role' | 'reason'> {
  metrics.gauge({
    name: 'workers_serving',
    help: 'Workers by role that have started and do their work',
    labels: { role: ['web', 'jobs'] },
    collect(gauge) {
      for (const role of ['web', 'jobs'] as const) gauge.set({ role }, serving(role));
    },
  });
  return metrics.counter({
    name: 'worker_restarts_total',
    help: 'Workers replaced, because they ended or because a rolling restart was asked for',
    labels: { role: ['web', 'jobs'], reason: ['ended', 'rolling'] },
  });
}
