// Compares and hashes the passwords of a file before its transaction opens, and knows when what it compared is no longer what is stored.
import type { Clock } from '../../platform/clock.js';
import { randomToken } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { ImportedPasswords } from '../credentials/imported-passwords.js';
import type { PasswordService } from '../credentials/password.service.js';
import { PasswordCredential } from '../credentials/password-credential.entity.js';
import type { PasswordHasher } from '../credentials/password-hasher.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import type { DeclaredUser } from './declaration.schema.js';

export interface PasswordVerdict {
  differs: boolean;
  /** In the transaction; with what prepare() has hashed. */
  write(user: User): Promise<void>;
}

interface Comparison {
  userId: string | undefined;
  hash: string | undefined;
  differs: boolean;
  prepared?: (user: User) => Promise<void>;
}

/** The stored password changed between the comparison and the transaction: everything is compared again. */
export class Outdated extends Error {}

export interface PasswordServices {
  db: Database;
  clock: Clock;
  audit: AuditLog;
  users: UserService;
  passwords: PasswordService;
  importedPasswords: ImportedPasswords;
  hasher: PasswordHasher;
}

export class DeclaredPasswords {
  private readonly comparisons = new Map<DeclaredUser, Comparison>();

  constructor(private readonly services: PasswordServices) {}

  /** Costs one hash for each `password` of a person who has one already. Nothing is counted as an attempt to sign in. */
  async compare(declared: DeclaredUser): Promise<void> {
    const { password, password_hash } = declared;
    if (password === undefined && password_hash === undefined) return;
    const stored = await this.stored(declared);
    const right =
      stored.credential !== undefined &&
      (password === undefined
        ? password_hash !== undefined &&
          (await this.services.importedPasswords.isFrom(stored.credential, password_hash))
        : await this.services.hasher.verify(stored.credential.hash, password));
    this.comparisons.set(declared, { userId: stored.userId, hash: stored.credential?.hash, differs: !right });
  }

  /** Hashes what differs. Not in a transaction. */
  async prepare(declared: DeclaredUser): Promise<void> {
    const comparison = this.comparisons.get(declared);
    if (!comparison?.differs) return;
    comparison.prepared = comparison.userId === undefined ? await this.first(declared) : await this.next(declared);
  }

  /** In the transaction of the writes. @throws Outdated */
  async recheck(declared: DeclaredUser): Promise<void> {
    const comparison = this.comparisons.get(declared);
    if (!comparison) return;
    const { userId, credential } = await this.stored(declared);
    if (userId !== comparison.userId || credential?.hash !== comparison.hash) throw new Outdated();
  }

  verdict(declared: DeclaredUser): PasswordVerdict | undefined {
    const comparison = this.comparisons.get(declared);
    return (
      comparison && {
        differs: comparison.differs,
        write: async (user) => {
          if (!comparison.prepared) throw new Error('the password was not prepared');
          await comparison.prepared(user);
        },
      }
    );
  }

  /** Somebody new: there is no session, link or lock that an old password could have left. */
  private async first({ password, password_hash }: DeclaredUser): Promise<(user: User) => Promise<void>> {
    const { db, clock, audit, hasher, importedPasswords } = this.services;
    if (password_hash !== undefined) return ({ id }) => importedPasswords.add(id, password_hash);
    const hash = await hasher.hash(password ?? '');
    return async ({ id }) => {
      const row = { userId: id, hash, mustChange: false, changedAt: clock.now() };
      await db.repo(PasswordCredential).insert(Object.assign(new PasswordCredential(), row));
      await audit.record('password.set', { user_id: id, must_change: false });
    };
  }

  /** Ends what rested on the old password. A hash goes the same way: over a random password whose hash it takes the place of. */
  private async next({ email, password, password_hash: hash }: DeclaredUser): Promise<(user: User) => Promise<void>> {
    const { users, passwords, importedPasswords } = this.services;
    const user = await users.findByEmail(email);
    if (!user) throw new Outdated();
    const write = await passwords.prepare(user, password ?? randomToken());
    return async () => {
      await write();
      if (hash !== undefined) await importedPasswords.replace(user.id, hash);
    };
  }

  private async stored({
    email,
  }: DeclaredUser): Promise<{ userId: string | undefined; credential: PasswordCredential | undefined }> {
    const { db, users } = this.services;
    const userId = (await users.findByEmail(email))?.id;
    const credential = userId === undefined ? null : await db.repo(PasswordCredential).findOneBy({ userId });
    return { userId, credential: credential ?? undefined };
  }
}
