// What the server knows and does: the features, wired lowest first on their foundation. No door is opened here; app.ts and the command line build on it.
import { z } from 'zod';
import type { Config } from '../config/index.js';
import { lifetimes, limits } from '../config/protocol.js';
import { IdempotencyKeys } from './api/idempotency.js';
import { AuditLog } from './features/audit/audit.service.js';
import { ClientService } from './features/clients/client.service.js';
import { ClientLookup } from './features/clients/client-lookup.js';
import { RegisteredClients } from './features/clients/registered-clients.js';
import { LOCKED_TASK, Locked, sendLockNotice } from './features/credentials/lock-notice.js';
import { Lockout } from './features/credentials/lockout.js';
import { PasswordService } from './features/credentials/password.service.js';
import { PasswordLinks } from './features/credentials/password-links.js';
import { KeyService } from './features/keys/key.service.js';
import { MailService, SEND_TASK, SendMail } from './features/mail/mail.service.js';
import { mailboxTransport, smtpTransport } from './features/mail/mail.transport.js';
import { OneTimeTokens } from './features/one-time-tokens/one-time-token.service.js';
import { Protocol } from './features/protocol/protocol.js';
import { ShortLivedRows } from './features/protocol/short-lived-rows.js';
import { sweepProtocol } from './features/protocol/sweeper.js';
import { ResourceService } from './features/resources/resource.service.js';
import { SetupService } from './features/setup/setup.service.js';
import type { Tenant } from './features/tenants/tenant.entity.js';
import { TenantService } from './features/tenants/tenant.service.js';
import { UserService } from './features/users/user.service.js';
import { type Foundations, openFoundation } from './foundation.js';
import { managementApi, managementScopes, mayChangePrivileged, mayGrant } from './management.js';
import { Jobs, task } from './platform/jobs.js';

/** What tests replace; nothing here weakens a rule. */
export interface Overrides extends Foundations {
  limits?: Partial<Record<keyof typeof limits, { points: number; seconds: number }>>;
}

export type Services = Awaited<ReturnType<typeof openServices>>;

/** Opens the database and everything that stands on it. @throws Error when the database is not reachable, or the embedded one is in use. */
export async function openServices(config: Config, overrides: Overrides = {}) {
  const foundation = await openFoundation(config, overrides);
  const { clock, logger, sealer, views, db, redis, caching, hasher, embedded } = foundation;

  const audit = new AuditLog(db, clock);
  const tenants = new TenantService(db, audit, sealer, caching, clock);
  const keys = new KeyService(db, audit, sealer, clock);
  const shortLived = redis && new ShortLivedRows(redis.client, clock);
  const protocol = new Protocol(db, sealer, audit, clock, lifetimes, shortLived);
  const users = new UserService(db, audit, clock, {
    async ended({ id }) {
      await protocol.sessions.endAll(id, 'account_ended');
      await protocol.grants.endAll({ accountId: id }, 'account_ended');
    },
    mayChangePrivileged,
  });
  const oneTimeTokens = new OneTimeTokens(db, clock);
  const lockout = new Lockout(db, clock);
  const tasks = {
    [SEND_TASK]: task({ schema: SendMail, run: (payload, { lastAttempt }) => mail.deliver(payload, lastAttempt) }),
    [LOCKED_TASK]: task({ schema: Locked, run: (payload) => sendLockNotice(payload, users, mail) }),
    sweep: task({
      schema: z.object({}),
      every: 60,
      async run() {
        await sweepProtocol(db, clock);
        await oneTimeTokens.sweep();
        await lockout.sweep();
        await new IdempotencyKeys(db, sealer, clock).sweep();
      },
    }),
  };
  const jobs: Jobs = new Jobs(db, tasks, {
    embedded,
    concurrency: embedded ? 1 : 4,
    logger,
  });
  const renderMail = async (template: string, locale: string, data: object) => {
    const tenant = await tenants.current();
    return views.email(`emails/${template}`, data, {
      locale: views.locales.pick(locale),
      brand: { name: tenant.settings.branding.company_name ?? tenant.name },
    });
  };
  const transport = config.mailUrl
    ? smtpTransport(config.mailUrl, `no-reply@${new URL(config.issuer).hostname}`)
    : mailboxTransport();
  const mail: MailService = new MailService(db, jobs, sealer, renderMail, transport, clock);
  const passwords: PasswordService = new PasswordService(
    db,
    audit,
    tenants,
    users,
    lockout,
    oneTimeTokens,
    hasher,
    clock,
    {
      async passwordChanged({ id }) {
        await protocol.sessions.endAll(id, 'password_changed');
        await protocol.grants.endAll({ accountId: id }, 'logout');
      },
      locked: (lock) => jobs.enqueue(LOCKED_TASK, lock),
    },
  );
  const linkOf = (tenant: Tenant, token: string) => `${tenant.issuer(config.issuer)}/password?token=${token}`;
  const passwordLinks = new PasswordLinks(db, audit, tenants, users, passwords, oneTimeTokens, mail, linkOf);
  const lookup = new ClientLookup(db, caching, clock);
  const clientHooks = {
    async ended({ clientId }: { clientId: string }) {
      await protocol.grants.endAll({ clientId }, 'client_ended');
    },
    mayGrant,
  };
  const clients = new ClientService(
    db,
    audit,
    lookup,
    clock,
    { production: config.environment === 'production' },
    clientHooks,
  );
  const registeredClients = new RegisteredClients(db, audit, lookup, clock, clientHooks);
  const setup = new SetupService(
    db,
    audit,
    tenants,
    users,
    passwords,
    clients,
    oneTimeTokens,
    Object.keys(managementScopes),
  );
  const resources = new ResourceService(db, audit, tenants, caching, clock, (tenant) => [
    managementApi(tenant.issuer(config.issuer)),
  ]);

  return {
    ...foundation,
    audit,
    tenants,
    keys,
    protocol,
    users,
    oneTimeTokens,
    jobs,
    mail,
    passwords,
    passwordLinks,
    clients,
    registeredClients,
    resources,
    setup,
    limits: { ...limits, ...overrides.limits },

    async close(): Promise<void> {
      await jobs.stop();
      transport.close();
      await foundation.close();
    },
  };
}
