// Owns the passkeys an account has: what they are called, and that the last way in stays.
import type { Database } from '../../platform/database.js';
import { conflict, notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import { Passkey } from './passkey.entity.js';
import { PasskeyName } from './passkey.schema.js';
import { isLastWayIn } from './passkey-removal.js';
import { holdPasskeys } from './passkey-rows.js';
import type { PasswordService } from './password.service.js';

export class Passkeys {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly tenants: TenantService,
    private readonly passwords: Pick<PasswordService, 'has'>,
  ) {}

  /** In the order in which they were made. */
  of(userId: string): Promise<Passkey[]> {
    return this.db.repo(Passkey).find({ where: { userId }, order: { createdAt: 'ASC', credentialId: 'ASC' } });
  }

  /** @throws AppError 404 for one of somebody else as for none. */
  async find({ id: userId }: User, credentialId: string): Promise<Passkey> {
    const passkey = await this.db.repo(Passkey).findOneBy({ userId, credentialId });
    if (!passkey) throw notFound('passkey');
    return passkey;
  }

  rename({ credentialId, userId }: Passkey, name: string): Promise<void> {
    return this.db.transaction(async () => {
      const renamed = await this.db.repo(Passkey).update({ credentialId, userId }, { name: PasskeyName.parse(name) });
      if (renamed === 0) throw notFound('passkey');
      await this.audit.record('passkey.renamed', { user_id: userId, credential_id: credentialId });
    });
  }

  /** Whatever other ways in are left. @param since only those made then or later. @returns whether there were any. */
  removeAll(user: User, since = new Date(0)): Promise<boolean> {
    return this.db.transaction(async () => {
      await holdPasskeys(this.db, user.id);
      const passkeys = (await this.of(user.id)).filter(({ createdAt }) => createdAt >= since);
      for (const one of passkeys) await this.delete(one);
      return passkeys.length > 0;
    });
  }

  /** None lets anybody in by itself, before it was unlocked after another proof (WebAuthn §7.2, uvInitialized). */
  async lower({ id: userId }: User): Promise<void> {
    await this.db.transaction(async () => {
      await holdPasskeys(this.db, userId);
      await this.db.repo(Passkey).update({ userId }, { uvInitialized: false });
    });
  }

  /** @throws AppError 409 for the last way in, whoever removes another one at the same time. */
  remove(user: User, { credentialId }: Passkey): Promise<void> {
    return this.db.transaction(async () => {
      await holdPasskeys(this.db, user.id);
      const passkey = await this.find(user, credentialId);
      const others = (await this.of(user.id)).filter((one) => one.credentialId !== credentialId);
      const { settings } = await this.tenants.current();
      const ways = {
        firstFactors: settings.authentication.first_factors,
        password: await this.passwords.has(user),
        mailbox: user.emailVerified,
      };
      if (isLastWayIn(passkey, others, ways))
        throw conflict('last_way_in', 'This is the only way into the account: add another one first');
      await this.delete(passkey);
    });
  }

  private async delete({ userId, credentialId, createdAt }: Passkey): Promise<void> {
    await this.db.repo(Passkey).delete({ credentialId, userId });
    const added_at = createdAt.toISOString();
    await this.audit.record('passkey.removed', { user_id: userId, credential_id: credentialId, added_at });
  }
}
