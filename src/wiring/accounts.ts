// The sixth rung: what becomes of an account. How somebody makes one and proves its address, what letters can do, how it is left.
import { AbandonedRegistrations } from '../features/accounts/abandoned-registrations.js';
import { AccountDeletion } from '../features/accounts/account-deletion.js';
import { DataExport } from '../features/accounts/data-export.js';
import { EmailChange } from '../features/accounts/email-change.js';
import { EmailCodes } from '../features/accounts/email-codes.js';
import { EmailVerification } from '../features/accounts/email-verification.js';
import { FactorRecoveries } from '../features/accounts/factor-recovery.js';
import { ForgottenPasswords } from '../features/accounts/forgotten-passwords.js';
import { MagicLinks } from '../features/accounts/magic-links.js';
import { MailboxProof } from '../features/accounts/mailbox-proof.js';
import { Mailboxes, type MailboxLimits } from '../features/accounts/mailboxes.js';
import { OwnPassword } from '../features/accounts/own-password.js';
import { RegistrationService } from '../features/accounts/registration.js';
import { UserBulk } from '../features/accounts/user-bulk.js';
import { PasswordLinks } from '../features/credentials/password-links.js';
import { KnownPlaces } from '../features/risk/known-places.js';
import { Lockdown } from '../features/risk/lockdown.js';
import { SignInWatch } from '../features/risk/sign-in-watch.js';
import type { Tenant } from '../features/tenants/tenant.entity.js';
import type { User } from '../features/users/user.entity.js';
import type { Connections } from './connections.js';
import type { Ground } from './ground.js';
import type { People } from './people.js';

export type Accounts = ReturnType<typeof openAccounts>;

export function openAccounts(
  ground: Ground,
  people: People,
  { identities }: Pick<Connections, 'identities'>,
  letters: MailboxLimits | undefined,
) {
  const { db, audit, clock, tenants, protocol, oneTimeTokens, mail, rateLimits, limits } = ground;
  const { users, registrations, passwords, secondFactors, mailedCodeTries, lockdownLinks } = people;

  const linkOf = (tenant: Tenant, token: string) => `${tenants.issuerOf(tenant)}/password?token=${token}`;
  const knownPlaces = new KnownPlaces(db, people.devices, clock);
  /** What somebody else has allowed themselves, where they were, and that their sign-ins are not told of, is not remembered. */
  const disbelieve = async (user: User, since: Date) => {
    // First of all holds the row of the user, as whatever else ends an account does.
    await users.resetSettings(user);
    await protocol.grants.endAll({ accountId: user.id }, 'account_ended');
    await people.endKeys(user.id, 'account_ended');
    await knownPlaces.forgetSince(user, since);
  };
  const mailboxProof = new MailboxProof(db, audit, users, registrations, {
    async disown(user) {
      await protocol.sessions.endAll(user.id, 'account_ended');
      await protocol.grants.endAll({ accountId: user.id }, 'account_ended');
      await people.endKeys(user.id, 'account_ended');
      await passwords.remove(user);
      await secondFactors.removeAll(user);
      await identities.unlinkAll(user.id, 'disowned');
      await knownPlaces.forget(user);
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
  const mailboxes = new Mailboxes(tenants, users, people.devices, rateLimits, letters);
  const emailVerification = new EmailVerification(
    db,
    audit,
    tenants,
    passwords,
    mailboxes,
    registrations,
    mailboxProof,
    oneTimeTokens,
    mail,
  );
  const emailCodes = new EmailCodes(db, audit, mailboxes, mailboxProof, oneTimeTokens, mail, mailedCodeTries);
  const registration = new RegistrationService(
    db,
    audit,
    tenants,
    passwords,
    mailboxes,
    registrations,
    emailVerification,
    mail,
    clock,
    (issuer) => `${issuer}/forgotten-password`,
  );
  const emailChange = new EmailChange(
    db,
    audit,
    tenants,
    users,
    mailboxes,
    registrations,
    mailboxProof,
    oneTimeTokens,
    mail,
    clock,
    {
      async takenBack(user, since) {
        await disbelieve(user, since);
        await secondFactors.removeAddedSince(user, since);
        await identities.unlinkAddedSince(user.id, since);
        await passwords.remove(user);
        return passwordLinks.issue(user);
      },
    },
  );

  return {
    mailboxProof,
    passwordLinks,
    emailVerification,
    emailCodes,
    magicLinks: new MagicLinks(
      db,
      audit,
      tenants,
      mailboxes,
      mailboxProof,
      emailCodes,
      oneTimeTokens,
      mail,
      mailedCodeTries,
    ),
    forgottenPasswords: new ForgottenPasswords(db, audit, tenants, mailboxes, oneTimeTokens, mail, linkOf),
    factorRecoveries: new FactorRecoveries(db, audit, tenants, mailboxes, secondFactors, oneTimeTokens, mail, clock),
    registration,
    lockdown: new Lockdown(db, audit, users, passwords, secondFactors, passwordLinks, oneTimeTokens, clock, {
      closing: disbelieve,
      unlinking: ({ id }, since) => identities.unlinkAddedSince(id, since),
    }),
    abandonedRegistrations: new AbandonedRegistrations(db, users, clock),
    accountDeletion: new AccountDeletion(db, audit, tenants, users, oneTimeTokens, mail, clock, lockdownLinks),
    emailChange,
    dataExport: new DataExport(db, audit, tenants, clock, rateLimits, limits.dataExports),
    userBulk: new UserBulk(db, users, people.importedPasswords, people.accountLocks),
    ownPassword: new OwnPassword(db, clock, passwords, mail, lockdownLinks),
    signInWatch: new SignInWatch(
      db,
      audit,
      tenants,
      users,
      clock,
      knownPlaces,
      people.lockout,
      people.lockoutHistory,
      lockdownLinks,
      mail,
    ),
  };
}
