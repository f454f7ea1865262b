// Passwords as wiring/people.ts makes them, for suites that open few of the features.

import type { AuditLog } from '../../src/features/audit/audit.service.js';
import { type AttemptHooks, Attempts } from '../../src/features/credentials/attempts.js';
import { ImportedPasswords } from '../../src/features/credentials/imported-passwords.js';
import type { Lockout } from '../../src/features/credentials/lockout.js';
import { LockoutHistory } from '../../src/features/credentials/lockout-history.js';
import { type PasswordHooks, PasswordService } from '../../src/features/credentials/password.service.js';
import type { PasswordHasher } from '../../src/features/credentials/password-hasher.js';
import { PasswordRules } from '../../src/features/credentials/password-rules.js';
import { PasswordVerifier } from '../../src/features/credentials/password-verifier.js';
import type { OneTimeTokens } from '../../src/features/one-time-tokens/one-time-token.service.js';
import type { TenantService } from '../../src/features/tenants/tenant.service.js';
import type { UserService } from '../../src/features/users/user.service.js';
import type { Clock } from '../../src/platform/clock.js';
import type { Database } from '../../src/platform/database.js';

interface Ground {
  db: Database;
  audit: AuditLog;
  tenants: TenantService;
  users: UserService;
  lockout: Lockout;
  oneTimeTokens: OneTimeTokens;
  clock: Clock;
}

const noHooks: PasswordHooks & AttemptHooks = { passwordChanged: async () => {}, locked: async () => {} };

/** Every account's address counts as proved. */
export function openPasswords(
  { db, audit, tenants, users, lockout, oneTimeTokens, clock }: Ground,
  hasher: PasswordHasher,
  hooks = noHooks,
) {
  const attempts = new Attempts(db, audit, lockout, new LockoutHistory(db, audit, clock), clock, hooks);
  const importedPasswords = new ImportedPasswords(db, audit, tenants, users, clock);
  const isUnproved = async () => false;
  const verifier = new PasswordVerifier(db, audit, tenants, users, attempts, importedPasswords, hasher, isUnproved);
  const rules = new PasswordRules(tenants, hasher, async () => 0);
  const passwords = new PasswordService(db, audit, verifier, rules, oneTimeTokens, hasher, clock, hooks);
  return { attempts, importedPasswords, passwords };
}
