// The lowest rung: tenants and their keys, the rows of the engine, links that work once, jobs and mail. Knows no people; what jobs do for them is
// asked of `late` when a job runs, the only arrow upwards.
import type { Config } from '../../config/index.js';
import { lifetimes, limits } from '../../config/protocol.js';
import { AuditLog } from '../features/audit/audit.service.js';
import { OwnActivity } from '../features/audit/own-activity.js';
import { BackchannelPings } from '../features/backchannel-requests/pings.js';
import { type Captcha, Turnstile } from '../features/captcha/captcha.js';
import { KeyService } from '../features/keys/key.service.js';
import { KeySchedule } from '../features/keys/key-schedule.js';
import { LogoutNotices } from '../features/logout/logout-notices.js';
import { mailDriver } from '../features/mail/mail.driver.js';
import { MailService } from '../features/mail/mail.service.js';
import { MailHealthWatch } from '../features/mail/mail-health.js';
import { OneTimeTokens } from '../features/one-time-tokens/one-time-token.service.js';
import { MassEnding } from '../features/protocol/mass-ending.js';
import { OwnGrants } from '../features/protocol/own-grants.js';
import { OwnSessions } from '../features/protocol/own-sessions.js';
import { Protocol } from '../features/protocol/protocol.js';
import { ShortLivedRows } from '../features/protocol/short-lived-rows.js';
import { TenantService } from '../features/tenants/tenant.service.js';
import { TenantDeletion } from '../features/tenants/tenant-deletion.js';
import { Traces } from '../features/traces/traces.js';
import { WebhookListening } from '../features/webhooks/webhook-listening.js';
import { WebhookOutbox } from '../features/webhooks/webhook-outbox.js';
import { type Foundations, openFoundation } from '../foundation.js';
import { assertNotForEverybody, assertStaysOpen, operatesInstallation } from '../management.js';
import { Jobs } from '../platform/jobs.js';
import { Rewrap } from '../platform/rewrap.js';
import { Sweeper } from '../platform/sweep.js';
import { retentions } from '../retention.js';
import { sealedColumns } from '../sealed-columns.js';
import { createTasks, DELETE_TASK, leftoversMs, type Workers } from '../tasks.js';

/** Mail and other work of a suspended tenant waits until it is resumed; that of one that ends is not done any more. */
const admissions = { active: 'now', suspended: 'later', deleting: 'never' } as const;

/** What tests replace; nothing here weakens a rule. */
export interface GroundOverrides extends Foundations {
  captcha?: Captcha;
  limits?: Partial<Record<keyof typeof limits, { points: number; seconds: number }>>;
}

/** What jobs do for people, who stand above. */
type Late = Pick<
  Workers,
  | 'users'
  | 'erasure'
  | 'accountDeletion'
  | 'abandonedRegistrations'
  | 'unusedClients'
  | 'domainChecks'
  | 'domainJoining'
  | 'invitationExpiry'
  | 'automaticMemberships'
  | 'inactiveMembers'
  | 'connectionRefresh'
  | 'upstreamEndings'
  | 'auditSealing'
  | 'auditCheckpoints'
  | 'auditRetention'
  | 'auditAlerts'
  | 'maintenance'
>;

export type Ground = Awaited<ReturnType<typeof openGround>>;

/** @throws Error when the database is not reachable, or the embedded one is in use. */
export async function openGround(config: Config, overrides: GroundOverrides, late: () => Late) {
  const foundation = await openFoundation(config, overrides);
  const { clock, logger, sealer, views, db, redis, caching, embedded, egress } = foundation;

  const webhookListening = new WebhookListening(db, foundation.invalidation, (error) =>
    logger.error('it could not be read who listens for webhooks', { error }),
  );
  const webhookOutbox = new WebhookOutbox(db, clock, webhookListening);
  const audit = new AuditLog(db, clock, webhookOutbox);
  const places = { issuer: config.issuer, domain: config.tenantDomain, aliasOrigin: config.mutualTls?.origin };
  const tenants = new TenantService(db, audit, sealer, caching, clock, places, {
    created: ({ id }) => keys.ensure(id),
    async deleting({ id }) {
      await jobs.enqueue(DELETE_TASK, { tenant_id: id });
      await jobs.enqueue(DELETE_TASK, { tenant_id: id }, { runAt: new Date(Date.now() + leftoversMs) });
    },
    async decided(tenant, before) {
      assertStaysOpen(tenant);
      await late().automaticMemberships.decided(tenant, before);
    },
    operates: operatesInstallation,
    maySet: (settings) => assertNotForEverybody(settings?.protocol),
  });
  const deletion = new TenantDeletion(db, audit, tenants);
  const keys: KeyService = new KeyService(db, audit, tenants, sealer, caching, clock, logger);
  const keySchedule = new KeySchedule(db, keys, clock, logger);
  const rewrap = new Rewrap(db, sealer, sealedColumns, logger);
  const sweeper = new Sweeper(db, clock, retentions);
  const shortLived = redis && new ShortLivedRows(redis.client, clock);
  const protocol = new Protocol(db, sealer, audit, clock, lifetimes, shortLived, (signedOut) =>
    logoutNotices.add(signedOut),
  );
  const stopping = new AbortController();
  const tasks = createTasks(() => ({
    ...late(),
    mail,
    massEnding,
    logoutNotices,
    backchannelPings,
    keySchedule,
    rewrap,
    deletion,
    sweeper,
    stopping: stopping.signal,
  }));
  const jobs: Jobs = new Jobs(db, tasks, {
    embedded,
    url: foundation.directUrl,
    concurrency: embedded ? 1 : 4,
    tracing: foundation.tracing,
    logger,
    admit: async (tenantId) => admissions[(await tenants.findById(tenantId))?.state ?? 'deleting'],
  });
  const renderMail = async (template: string, locale: string, data: object) => {
    const tenant = await tenants.current();
    const { primary_color: primary, background_color: background } = tenant.settings.branding;
    return views.email(`emails/${template}`, data, {
      locale: views.locales.pick(locale),
      brand: { name: tenant.displayName, colours: { primary, background } },
    });
  };
  const driver = mailDriver(config.mailUrl ?? 'mailbox:', `no-reply@${new URL(config.issuer).hostname}`);
  const mail: MailService = new MailService(db, jobs, sealer, renderMail, driver, clock, audit);
  const logoutNotices: LogoutNotices = new LogoutNotices(db, jobs, audit, clock, tenants, keys, egress);
  const backchannelPings: BackchannelPings = new BackchannelPings(db, jobs, protocol.backchannelCodes, audit, egress);
  const massEnding: MassEnding = new MassEnding(db, audit, clock, protocol.sessions, jobs);
  const captcha: Captcha | undefined =
    overrides.captcha ??
    (config.turnstile && new Turnstile({ ...config.turnstile, fetch: (url, init) => egress.fetch(url, init), logger }));

  return {
    ...foundation,
    audit,
    webhookListening,
    webhookOutbox,
    tenants,
    deletion,
    keys,
    keySchedule,
    rewrap,
    protocol,
    traces: new Traces(db, sealer, clock),
    massEnding,
    ownSessions: new OwnSessions(db, protocol.sessions, clock),
    ownGrants: new OwnGrants(db, protocol.grants, clock),
    ownActivity: new OwnActivity(db),
    oneTimeTokens: new OneTimeTokens(db, clock),
    jobs,
    mail,
    logoutNotices,
    backchannelPings,
    mailHealth: new MailHealthWatch(driver, clock),
    captcha,
    limits: { ...limits, ...overrides.limits },
    /** What an authenticator app calls this tenant, and the picture it is told by. */
    issuerName: async () => (await tenants.current()).displayName,
    qrCode: async (text: string) => (await import('qrcode')).default.toString(text, { type: 'svg', margin: 2 }),

    async close(): Promise<void> {
      stopping.abort();
      await jobs.stop();
      driver.close();
      await foundation.close();
    },
  };
}
