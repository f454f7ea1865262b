// Owns hashes that were made elsewhere: how they come in with a person, and how they are told apart from nobody's.
// Hands off to: platform/hash-formats for what they are, and PasswordService, which replaces each at the next right sign-in.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { hmac } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { invalid } from '../../platform/errors.js';
import { readImported } from '../../platform/hash-formats/formats.js';
import { judgeHash } from '../../platform/hash-formats/taking-over.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { CreateUser } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import { PasswordCredential } from './password-credential.entity.js';

export class ImportedPasswords {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly clock: Clock,
  ) {}

  /** A person who keeps the password they had elsewhere. @throws AppError 422 for a hash that is not taken over. */
  createUser(input: CreateUser, hash: string | undefined): Promise<User> {
    if (hash === undefined) return this.users.create(input);
    const verdict = judgeHash(hash);
    if (typeof verdict === 'string')
      throw invalid('This password hash is not taken over', [{ pointer: '/password_hash', message: verdict }]);
    return this.db.transaction(async () => {
      const user = await this.users.create(input);
      await this.add(user.id, hash);
      return user;
    });
  }

  /** For somebody who has no password yet, in the transaction that made them. */
  async add(userId: string, hash: string): Promise<void> {
    const row = { userId, hash, importedFrom: await this.originOf(userId, hash), changedAt: this.clock.now() };
    await this.db.repo(PasswordCredential).insert(Object.assign(new PasswordCredential(), row));
    await this.record(userId, hash);
  }

  /** In the transaction that has ended what rested on the old password. */
  async replace(userId: string, hash: string): Promise<void> {
    const importedFrom = await this.originOf(userId, hash);
    await this.db.repo(PasswordCredential).update({ userId }, { hash, importedFrom });
    await this.record(userId, hash);
  }

  /** Whether the password is still the one that came in with this hash, though it may be hashed anew since. */
  async isFrom({ userId, hash, importedFrom }: PasswordCredential, origin: string): Promise<boolean> {
    return hash === origin || importedFrom === (await this.originOf(userId, origin));
  }

  /**
   * An imported hash costs its own work beside ours, by which it would tell that somebody has it. While a tenant has some, every second
   * unknown identifier therefore costs what one of them costs: always the same one, as long as it is there.
   * @param subject the secret name of an identifier, random to everybody else.
   */
  async standIn(subject: string): Promise<string | undefined> {
    const bytes = Buffer.from(subject, 'base64url');
    const place = bytes.readBigInt64BE(0).toString();
    // Asked in any case: the answer takes as long for everybody.
    const [found] = await this.db.execute<{ hash: string }>(STAND_IN, [currentTenantId(), place]);
    const chosen = (bytes.at(-1) ?? 0) % 2 === 0;
    return chosen && found && readImported(found.hash) ? found.hash : undefined;
  }

  private record(userId: string, hash: string): Promise<void> {
    const verdict = judgeHash(hash);
    if (typeof verdict === 'string') throw new Error('a password hash is judged before it is taken over');
    return this.audit.record('password.imported', { user_id: userId, format: verdict.format, weak: verdict.weak });
  }

  /** Worth nothing without the tenant's secret: a plain digest of a weak hash would stay as good to guess by as the hash. */
  private async originOf(userId: string, hash: string): Promise<string> {
    const { identifierKey } = this.tenants.secrets(await this.tenants.current());
    return hmac(identifierKey, `imported-hash\0${userId}\0${hash}`);
  }
}

/** The next one from a place, or the first of all. */
const STAND_IN = {
  name: 'password_stand_in',
  text: `(SELECT hash FROM password_credentials
      WHERE tenant_id = $1 AND hash NOT LIKE '$argon2%' AND hashtextextended(hash, 0) >= $2
      ORDER BY hashtextextended(hash, 0) LIMIT 1)
    UNION ALL
    (SELECT hash FROM password_credentials
      WHERE tenant_id = $1 AND hash NOT LIKE '$argon2%'
      ORDER BY hashtextextended(hash, 0) LIMIT 1)
    LIMIT 1`,
};
