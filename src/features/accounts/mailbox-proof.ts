// What a proved address means for its account: who made it for somebody else's mailbox loses what they put into it.
// Hands off to: the hook disown, which takes away every way in and ends sessions and grants.
import { sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { Registration } from './registration.entity.js';

export interface ProofHooks {
  /** In the transaction of the proof. */
  disown(user: User): Promise<void>;
}

export class MailboxProof {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly users: UserService,
    private readonly hooks: ProofHooks,
  ) {}

  /** Whether somebody made this account without having proved its address since. */
  async isUnproved(userId: string): Promise<boolean> {
    return this.db.repo(Registration).existsBy({ userId });
  }

  /** Of the interaction in which an unproved account was made. */
  async flowHashOf(userId: string): Promise<string | undefined> {
    return (await this.db.repo(Registration).findOneBy({ userId }))?.flowHash;
  }

  /** An administrator has said that the address is proved: whoever made the account is as good as its owner. */
  async forget(userId: string): Promise<void> {
    await this.db.repo(Registration).delete({ userId });
  }

  /**
   * The mailbox was proved. Of two at once one does it.
   * @param by the interaction it was proved in, or that whoever did also knows the password of the account.
   * @returns the user, and whether everything that the account had was taken from it.
   */
  proved(user: User, by: { flow: string | undefined } | 'registrant'): Promise<{ user: User; disowned: boolean }> {
    return this.db.transaction(async () => {
      if (user.emailVerified) return { user, disowned: false };
      const verified = await this.users.update(user, { email_verified: true }, undefined, 'owner');
      const registration = await this.db.repo(Registration).findOneBy({ userId: user.id });
      const theirs =
        !registration || by === 'registrant' || (by.flow !== undefined && sha256(by.flow) === registration.flowHash);
      if (registration) await this.forget(user.id);
      if (!theirs) await this.hooks.disown(verified);
      await this.audit.record('account.proved', { user_id: user.id, disowned: !theirs });
      return { user: theirs ? verified : await this.users.empty(verified), disowned: !theirs };
    });
  }
}
