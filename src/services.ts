// What the server knows and does: the features, wired lowest first on their foundation. No door is opened here; app.ts and the command line build on it.
import type { Config } from '../config/index.js';
import { lifetimes, limits } from '../config/protocol.js';
import { AccountDeletion } from './features/accounts/account-deletion.js';
import { DataExport } from './features/accounts/data-export.js';
import { EmailChange } from './features/accounts/email-change.js';
import { EmailCodes } from './features/accounts/email-codes.js';
import { EmailVerification } from './features/accounts/email-verification.js';
import { Erasure } from './features/accounts/erasure.js';
import { FactorRecoveries } from './features/accounts/factor-recovery.js';
import { ForgottenPasswords } from './features/accounts/forgotten-passwords.js';
import { MagicLinks } from './features/accounts/magic-links.js';
import { MailboxProof } from './features/accounts/mailbox-proof.js';
import { Mailboxes, type MailboxLimits } from './features/accounts/mailboxes.js';
import { OwnPassword } from './features/accounts/own-password.js';
import { RegistrationService } from './features/accounts/registration.js';
import { AuditLog } from './features/audit/audit.service.js';
import { OwnActivity } from './features/audit/own-activity.js';
import { type Captcha, Turnstile } from './features/captcha/captcha.js';
import type { FullMetadata } from './features/clients/client.metadata.js';
import { assertSigned } from './features/clients/client.rules.js';
import { ClientService } from './features/clients/client.service.js';
import { ClientLookup } from './features/clients/client-lookup.js';
import { isOwnClient, OwnClients } from './features/clients/own-clients.js';
import { RegisteredClients } from './features/clients/registered-clients.js';
import { AccountLocks } from './features/credentials/account-locks.js';
import { Attempts } from './features/credentials/attempts.js';
import { FactorLetters } from './features/credentials/factor-letters.js';
import { LOCKED_TASK } from './features/credentials/lock-notice.js';
import { Lockout } from './features/credentials/lockout.js';
import { LockoutHistory } from './features/credentials/lockout-history.js';
import { MailedCodeTries } from './features/credentials/mailed-code-tries.js';
import { OwnFactors } from './features/credentials/own-factors.js';
import { PasskeyService } from './features/credentials/passkey.service.js';
import { PasskeyChallenges } from './features/credentials/passkey-challenge.js';
import { PasskeyHints } from './features/credentials/passkey-hints.js';
import { Passkeys } from './features/credentials/passkeys.js';
import { PasswordService } from './features/credentials/password.service.js';
import { PasswordLinks } from './features/credentials/password-links.js';
import { RecoveryCodes } from './features/credentials/recovery-codes.js';
import { SecondFactors } from './features/credentials/second-factors.js';
import { TotpService } from './features/credentials/totp.service.js';
import { Devices } from './features/devices/device.service.js';
import { KeyService } from './features/keys/key.service.js';
import { KeySchedule } from './features/keys/key-schedule.js';
import { mailDriver } from './features/mail/mail.driver.js';
import { MailService } from './features/mail/mail.service.js';
import { MailHealthWatch } from './features/mail/mail-health.js';
import { OneTimeTokens } from './features/one-time-tokens/one-time-token.service.js';
import { OwnGrants } from './features/protocol/own-grants.js';
import { OwnSessions } from './features/protocol/own-sessions.js';
import { Protocol } from './features/protocol/protocol.js';
import { ShortLivedRows } from './features/protocol/short-lived-rows.js';
import { ResourceService } from './features/resources/resource.service.js';
import { Lockdown } from './features/risk/lockdown.js';
import { SignInWatch } from './features/risk/sign-in-watch.js';
import { SetupService } from './features/setup/setup.service.js';
import type { Tenant } from './features/tenants/tenant.entity.js';
import { TenantService } from './features/tenants/tenant.service.js';
import { TenantDeletion } from './features/tenants/tenant-deletion.js';
import { UserService } from './features/users/user.service.js';
import { type Foundations, openFoundation } from './foundation.js';
import { managementApi, mayChangePrivileged, mayGrant, scopesAt } from './management.js';
import { Jobs } from './platform/jobs.js';
import { Rewrap } from './platform/rewrap.js';
import { Sweeper } from './platform/sweep.js';
import { retentions } from './retention.js';
import { sealedColumns } from './sealed-columns.js';
import { createTasks, DELETE_TASK, leftoversMs } from './tasks.js';

/** Mail and other work of a suspended tenant waits until it is resumed; that of one that ends is not done any more. */
const admissions = { active: 'now', suspended: 'later', deleting: 'never' } as const;

/** What tests replace; nothing here weakens a rule. */
export interface Overrides extends Foundations {
  captcha?: Captcha;
  letters?: MailboxLimits;
  limits?: Partial<Record<keyof typeof limits, { points: number; seconds: number }>>;
}

export type Services = Awaited<ReturnType<typeof openServices>>;

/** Opens the database and everything that stands on it. @throws Error when the database is not reachable, or the embedded one is in use. */
export async function openServices(config: Config, overrides: Overrides = {}) {
  const foundation = await openFoundation(config, overrides);
  const { clock, logger, sealer, views, db, redis, caching, hasher, embedded, rateLimits } = foundation;

  const audit = new AuditLog(db, clock);
  const places = { issuer: config.issuer, domain: config.tenantDomain };
  const tenants = new TenantService(db, audit, sealer, caching, clock, places, {
    created: ({ id }) => keys.ensure(id),
    async deleting({ id }) {
      await jobs.enqueue(DELETE_TASK, { tenant_id: id });
      await jobs.enqueue(DELETE_TASK, { tenant_id: id }, { runAt: new Date(Date.now() + leftoversMs) });
    },
  });
  const deletion = new TenantDeletion(db, audit, tenants);
  const keys: KeyService = new KeyService(db, audit, tenants, sealer, caching, clock, logger);
  const keySchedule = new KeySchedule(db, keys, clock, logger);
  const rewrap = new Rewrap(db, sealer, sealedColumns, logger);
  const shortLived = redis && new ShortLivedRows(redis.client, clock);
  const protocol = new Protocol(db, sealer, audit, clock, lifetimes, shortLived);
  const ownSessions = new OwnSessions(db, protocol.sessions, clock);
  const ownGrants = new OwnGrants(db, protocol.grants, clock);
  const ownActivity = new OwnActivity(db);
  const devices = new Devices(db, audit, clock);
  const erasure = new Erasure(db, tenants);
  const users = new UserService(db, audit, clock, {
    async ended({ id }) {
      await protocol.sessions.endAll(id, 'account_ended');
      await protocol.grants.endAll({ accountId: id }, 'account_ended');
      await devices.endAll({ id }, 'account_ended');
    },
    erased: (user) => erasure.erase(user),
    mayChangePrivileged,
  });
  const oneTimeTokens = new OneTimeTokens(db, clock);
  const lockout = new Lockout(db, clock);
  const sweeper = new Sweeper(db, clock, retentions);
  const stopping = new AbortController();
  const tasks = createTasks(() => ({
    mail,
    users,
    keySchedule,
    rewrap,
    deletion,
    accountDeletion,
    sweeper,
    stopping: stopping.signal,
  }));
  const jobs: Jobs = new Jobs(db, tasks, {
    embedded,
    url: foundation.directUrl,
    concurrency: embedded ? 1 : 4,
    logger,
    admit: async (tenantId) => admissions[(await tenants.findById(tenantId))?.state ?? 'deleting'],
  });
  const renderMail = async (template: string, locale: string, data: object) => {
    const tenant = await tenants.current();
    const { branding } = tenant.settings;
    return views.email(`emails/${template}`, data, {
      locale: views.locales.pick(locale),
      brand: {
        name: branding.company_name ?? tenant.name,
        colours: { primary: branding.primary_color, background: branding.background_color },
      },
    });
  };
  const driver = mailDriver(config.mailUrl ?? 'mailbox:', `no-reply@${new URL(config.issuer).hostname}`);
  const mail: MailService = new MailService(db, jobs, sealer, renderMail, driver, clock, audit);
  const mailHealth = new MailHealthWatch(driver, clock);
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
      async passwordChanged({ id }, keptSession) {
        await devices.endAll({ id }, 'password_changed');
        await protocol.sessions.endAll(id, 'password_changed', keptSession);
        await protocol.grants.endAll({ accountId: id, exceptSession: keptSession }, 'logout');
      },
      locked: (lock) => jobs.enqueue(LOCKED_TASK, lock),
      isUnproved: (userId) => mailboxProof.isUnproved(userId),
    },
  );
  const { egress } = foundation;
  const captcha: Captcha | undefined =
    overrides.captcha ??
    (config.turnstile && new Turnstile({ ...config.turnstile, fetch: (url, init) => egress.fetch(url, init), logger }));
  const factorLetters = new FactorLetters(mail, clock, {
    lockdown: (user) => lockdown.issue(user),
    recoveryCodes: async () => `${tenants.issuerOf(await tenants.current())}/account/security/recovery-codes`,
  });
  const totp = new TotpService(db, audit, sealer, clock, (user) => factorLetters.added(user, 'totp'));
  const recoveryCodes = new RecoveryCodes(db, audit, tenants, clock);
  const spend = (value: string, exp: number) => protocol.replays.unique('webauthn', value, exp);
  const challenges = new PasskeyChallenges(tenants, spend, clock);
  const passkeyCeremonies = new PasskeyService(db, audit, tenants, users, challenges, clock, (user) =>
    factorLetters.added(user, 'passkey'),
  );
  const passkeyHints = new PasskeyHints(db, tenants, clock);
  const passkeys = new Passkeys(db, audit, tenants, passwords);
  const secondFactors = new SecondFactors(db, audit, tenants, lockout, totp, recoveryCodes, passkeys, clock, {
    locked: (lock) => jobs.enqueue(LOCKED_TASK, lock),
    async factorsRemoved({ id }) {
      await devices.endAll({ id }, 'factors_removed');
      await protocol.sessions.endAll(id, 'factors_removed');
    },
    recoveryCodeUsed: (user, left) => factorLetters.used(user, left),
  });
  const ownFactors = new OwnFactors(
    db,
    tenants,
    secondFactors,
    totp,
    recoveryCodes,
    passkeys,
    factorLetters,
    ({ id }) => devices.endAll({ id }, 'factors_removed'),
  );
  const attempts = new Attempts(db, audit, lockout, new LockoutHistory(db, audit, clock), clock, {
    locked: (lock) => jobs.enqueue(LOCKED_TASK, lock),
  });
  const mailedCodeTries = new MailedCodeTries(tenants, attempts, clock);
  const accountLocks = new AccountLocks(db, users, passwords, secondFactors, mailedCodeTries, mail, clock);
  const linkOf = (tenant: Tenant, token: string) => `${tenants.issuerOf(tenant)}/password?token=${token}`;
  const mailboxProof: MailboxProof = new MailboxProof(db, audit, users, {
    async disown(user) {
      await protocol.sessions.endAll(user.id, 'account_ended');
      await protocol.grants.endAll({ accountId: user.id }, 'account_ended');
      await passwords.remove(user);
      await secondFactors.removeAll(user);
    },
  });
  const passwordLinks = new PasswordLinks(
    db,
    audit,
    tenants,
    users,
    passwords,
    oneTimeTokens,
    mail,
    linkOf,
    async (user) => {
      await mailedCodeTries.reopen(user);
      await secondFactors.reopen(user);
      return (await mailboxProof.proved(user, { flow: undefined })).user;
    },
  );
  const mailboxes = new Mailboxes(tenants, users, rateLimits, overrides.letters);
  const emailVerification = new EmailVerification(
    db,
    audit,
    tenants,
    passwords,
    mailboxes,
    mailboxProof,
    oneTimeTokens,
    mail,
  );
  const emailCodes = new EmailCodes(db, audit, mailboxes, mailboxProof, oneTimeTokens, mail, mailedCodeTries);
  const magicLinks = new MagicLinks(
    db,
    audit,
    tenants,
    mailboxes,
    mailboxProof,
    emailCodes,
    oneTimeTokens,
    mail,
    mailedCodeTries,
  );
  const forgottenPasswords = new ForgottenPasswords(db, audit, tenants, mailboxes, oneTimeTokens, mail, linkOf);
  const factorRecoveries = new FactorRecoveries(
    db,
    audit,
    tenants,
    mailboxes,
    secondFactors,
    oneTimeTokens,
    mail,
    clock,
  );
  const registration = new RegistrationService(
    db,
    audit,
    tenants,
    passwords,
    mailboxes,
    emailVerification,
    mail,
    clock,
    (issuer) => `${issuer}/forgotten-password`,
  );
  const lockdown: Lockdown = new Lockdown(
    db,
    audit,
    tenants,
    users,
    passwords,
    secondFactors,
    passwordLinks,
    oneTimeTokens,
    (tenant, token) => `${tenants.issuerOf(tenant)}/lockdown?token=${token}`,
    clock,
  );
  const accountDeletion = new AccountDeletion(db, audit, tenants, users, oneTimeTokens, mail, clock);
  const emailChange = new EmailChange(db, audit, tenants, users, mailboxes, mailboxProof, oneTimeTokens, mail, clock, {
    async takenBack(user, since) {
      await secondFactors.removeAddedSince(user, since);
      await passwords.remove(user);
      return passwordLinks.issue(user);
    },
  });
  const dataExport = new DataExport(
    db,
    audit,
    tenants,
    clock,
    rateLimits,
    { ...limits, ...overrides.limits }.dataExports,
  );
  const ownPassword = new OwnPassword(db, clock, passwords, mail, lockdown);
  const signInWatch = new SignInWatch(db, audit, clock, devices, lockdown, mail);
  const ownClients = new OwnClients((tenant) => tenants.issuerOf(tenant));
  const lookup = new ClientLookup(db, caching, clock, async (clientId) =>
    isOwnClient(clientId) ? ownClients.of(await tenants.current(), clientId) : undefined,
  );
  const clientHooks = {
    async ended({ clientId }: { clientId: string }) {
      await protocol.grants.endAll({ clientId }, 'client_ended');
    },
    mayGrant,
    async maySign(metadata: FullMetadata) {
      assertSigned(metadata, (await tenants.current()).settings.signing_keys.algorithms);
    },
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
  const scopesOf = (tenant: Tenant) => Object.keys(scopesAt(tenant));
  const setup = new SetupService(db, audit, tenants, users, passwords, clients, oneTimeTokens, scopesOf, mayGrant);
  const resources = new ResourceService(db, audit, tenants, caching, clock, (tenant) => [
    managementApi(tenant, tenants.issuerOf(tenant)),
  ]);

  return {
    ...foundation,
    audit,
    tenants,
    deletion,
    keys,
    keySchedule,
    rewrap,
    protocol,
    ownSessions,
    ownGrants,
    ownActivity,
    users,
    oneTimeTokens,
    jobs,
    mail,
    mailHealth,
    passwords,
    passwordLinks,
    emailVerification,
    emailCodes,
    magicLinks,
    forgottenPasswords,
    registration,
    factorRecoveries,
    totp,
    recoveryCodes,
    secondFactors,
    passkeyCeremonies,
    passkeyHints,
    passkeys,
    ownFactors,
    ownPassword,
    accountLocks,
    lockdown,
    accountDeletion,
    emailChange,
    dataExport,
    signInWatch,
    captcha,
    devices,
    clients,
    registeredClients,
    resources,
    setup,
    limits: { ...limits, ...overrides.limits },

    async close(): Promise<void> {
      stopping.abort();
      await jobs.stop();
      driver.close();
      await foundation.close();
    },
  };
}
