// The second rung: who somebody is and how they prove it. Whatever ends for a person ends in the hooks here, in the transaction of the change.
import { Erasure } from '../features/accounts/erasure.js';
import { Registrations } from '../features/accounts/registrations.js';
import type { ApiKeys } from '../features/api-keys/api-keys.js';
import { AccountLocks } from '../features/credentials/account-locks.js';
import { Attempts } from '../features/credentials/attempts.js';
import { FactorLetters } from '../features/credentials/factor-letters.js';
import { ImportedPasswords } from '../features/credentials/imported-passwords.js';
import { LOCKED_TASK } from '../features/credentials/lock-notice.js';
import { Lockout } from '../features/credentials/lockout.js';
import { LockoutHistory } from '../features/credentials/lockout-history.js';
import { MailedCodeTries } from '../features/credentials/mailed-code-tries.js';
import { OwnFactors } from '../features/credentials/own-factors.js';
import { PasskeyCeremonies } from '../features/credentials/passkey-ceremonies.js';
import { PasskeyChallenges } from '../features/credentials/passkey-challenge.js';
import { PasskeyHints } from '../features/credentials/passkey-hints.js';
import { Passkeys } from '../features/credentials/passkeys.js';
import { PasswordService } from '../features/credentials/password.service.js';
import { PasswordRules } from '../features/credentials/password-rules.js';
import { PasswordVerifier } from '../features/credentials/password-verifier.js';
import { RecoveryCodes } from '../features/credentials/recovery-codes.js';
import { SecondFactors } from '../features/credentials/second-factors.js';
import { TotpService } from '../features/credentials/totp.service.js';
import { Devices } from '../features/devices/device.service.js';
import { undoSubject } from '../features/one-time-tokens/one-time-purposes.js';
import { passwordLengthOf } from '../features/organizations/organization-passwords.js';
import { LockdownLinks } from '../features/risk/lockdown-links.js';
import { ExternalSubjects } from '../features/trusted-issuers/external-subjects.js';
import { UserService } from '../features/users/user.service.js';
import { mayChangePrivileged } from '../management.js';
import type { Connections } from './connections.js';
import type { Ground } from './ground.js';
import type { Invitations } from './invitations.js';
import type { Organizations } from './organizations.js';
import type { Roles } from './roles.js';

export type People = ReturnType<typeof openPeople>;

/** What stands on people, and is asked when something happens to one of them. */
type Late = Pick<Organizations, 'automaticMemberships' | 'accountEndings'> &
  Pick<Invitations, 'domainJoining' | 'invitationEndings'> &
  Pick<Connections, 'identities'> & { apiKeys: ApiKeys };

export function openPeople(ground: Ground, { roles }: Roles, late: () => Late) {
  const { db, audit, clock, tenants, protocol, oneTimeTokens, sealer, jobs, mail, hasher } = ground;
  const { sessions, grants } = protocol;

  const endKeys: ApiKeys['endAll'] = (userId, reason) => late().apiKeys.endAll(userId, reason);
  const devices = new Devices(db, audit, clock);
  const erasure = new Erasure(db, tenants, clock);
  const registrations = new Registrations(db, clock);
  const users = new UserService(db, audit, clock, {
    async ended({ id }) {
      await sessions.endAll(id, 'account_ended');
      await grants.endAll({ accountId: id }, 'account_ended');
      await endKeys(id, 'account_ended');
      await devices.endAll({ id }, 'account_ended');
    },
    created: (user) => late().automaticMemberships.created(user),
    closing: ({ id }) => late().accountEndings.assertMayClose(id),
    erasing: (id) => late().accountEndings.erasing(id),
    async erased(user) {
      await late().accountEndings.erase(user.id);
      await late().invitationEndings.accountEnded(user.id);
      await erasure.erase(user);
    },
    mayChangePrivileged,
    assigning: (before, after) => roles.assertMayAssign(before, after),
    reassigned: ({ id }) => grants.endImpersonations({ of: id, by: id }, 'permissions_changed'),
    async privileged({ id }) {
      await externalSubjects.unlinkAll(id);
      await late().identities.unlinkAll(id, 'privileged');
    },
    verified: ({ id }) => registrations.forget(id),
    proved: (user) => late().domainJoining.proved(user),
    // The way back to the address before all others stays: whoever asks an administrator may be the one who changed it first. Whoever did has
    // proved what came after it.
    moved: ({ id, emailNormalized }, from) =>
      oneTimeTokens.revokeButFirst('email_change_undo', id, [undoSubject(id, from), undoSubject(id, emailNormalized)]),
    async kept(user) {
      await oneTimeTokens.revoke('account_deletion_undo', user.id);
      const link = `${tenants.issuerOf(await tenants.current())}/account/delete`;
      const letter = { at: clock.now().toISOString(), link };
      await mail.send('account_kept', user.email, letter, user.claims.locale);
    },
  });
  const externalSubjects = new ExternalSubjects(db, audit, clock, grants, users);
  const lockout = new Lockout(db, clock);
  const lockoutHistory = new LockoutHistory(db, audit, clock);
  const attempts = new Attempts(db, audit, lockout, lockoutHistory, clock, {
    locked: (lock) => jobs.enqueue(LOCKED_TASK, lock),
  });
  const mailedCodeTries = new MailedCodeTries(db, tenants, attempts, clock);
  const importedPasswords = new ImportedPasswords(db, audit, tenants, users, clock);
  const verifier = new PasswordVerifier(db, audit, tenants, users, attempts, importedPasswords, hasher, (userId) =>
    registrations.isUnproved(userId),
  );
  const rules = new PasswordRules(tenants, hasher, (userId) => passwordLengthOf(db, userId));
  const passwords = new PasswordService(db, audit, verifier, rules, oneTimeTokens, hasher, clock, {
    async passwordChanged({ id }, keptSession) {
      await devices.endAll({ id }, 'password_changed');
      await sessions.endAll(id, 'password_changed', keptSession);
      await grants.endAll({ accountId: id, exceptSession: keptSession }, 'logout');
      await endKeys(id, 'password_changed');
    },
  });
  const lockdownLinks = new LockdownLinks(
    tenants,
    oneTimeTokens,
    (tenant, token) => `${tenants.issuerOf(tenant)}/lockdown?token=${token}`,
  );
  const factorLetters = new FactorLetters(mail, clock, {
    lockdown: (user) => lockdownLinks.issue(user),
    recoveryCodes: async () => `${tenants.issuerOf(await tenants.current())}/account/security/recovery-codes`,
  });
  const totp = new TotpService(db, audit, sealer, clock, (user) => factorLetters.added(user, 'totp'));
  const recoveryCodes = new RecoveryCodes(db, audit, tenants, clock);
  const spend = (value: string, exp: number) => protocol.replays.unique('webauthn', value, exp);
  const challenges = new PasskeyChallenges(tenants, spend, clock);
  const passkeyCeremonies = new PasskeyCeremonies(db, audit, tenants, users, challenges, clock, (user) =>
    factorLetters.added(user, 'passkey'),
  );
  const passkeys = new Passkeys(db, audit, tenants, passwords);
  const secondFactors = new SecondFactors(db, tenants, attempts, totp, recoveryCodes, passkeys, {
    async factorsRemoved({ id }) {
      await devices.endAll({ id }, 'factors_removed');
      await sessions.endAll(id, 'factors_removed');
      // Also what stands on no session: whoever has lost a factor may not be the one who has agreed to it.
      await grants.endAll({ accountId: id }, 'logout');
      await endKeys(id, 'factors_removed');
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

  return {
    endKeys,
    devices,
    erasure,
    users,
    externalSubjects,
    registrations,
    lockout,
    lockoutHistory,
    mailedCodeTries,
    passwords,
    importedPasswords,
    lockdownLinks,
    factorLetters,
    totp,
    recoveryCodes,
    passkeyCeremonies,
    passkeyHints: new PasskeyHints(db, tenants, clock),
    passkeys,
    secondFactors,
    ownFactors,
    accountLocks: new AccountLocks(db, users, passwords, secondFactors, mailedCodeTries, mail, clock),
  };
}
