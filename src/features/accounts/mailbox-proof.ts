// What a proved address means for its account: who made it for somebody else's mailbox loses what they put into it.
// Hands off to: the hook disown, which takes away every way in and ends sessions and grants.
import { sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { invalidLink } from '../one-time-tokens/one-time-token.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import type { Registrations } from './registrations.js';

export interface ProofHooks {
  /** In the transaction of the proof. */
  disown(user: User): Promise<void>;
}

export class MailboxProof {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly users: UserService,
    private readonly registrations: Registrations,
    private readonly hooks: ProofHooks,
  ) {}

  /**
   * The mailbox was proved. Of two at once one does it.
   * @param by the interaction it was proved in, or that whoever did also knows the password of the account.
   * @returns the user, and whether everything that the account had was taken from it.
   * @throws AppError 400 where the account has another address by now: that one was proved by nobody.
   */
  proved(user: User, by: { flow: string | undefined } | 'registrant'): Promise<{ user: User; disowned: boolean }> {
    return this.db.transaction(async () => {
      if (user.emailVerified) return { user, disowned: false };
      const verified = await this.users.update(user, { email_verified: true }, undefined, 'owner');
      if (verified.emailNormalized !== user.emailNormalized) throw invalidLink();
      const madeIn = await this.registrations.flowHashOf(user.id);
      const theirs = !madeIn || by === 'registrant' || (by.flow !== undefined && sha256(by.flow) === madeIn);
      if (madeIn) await this.registrations.forget(user.id);
      if (!theirs) await this.hooks.disown(verified);
      await this.audit.record('account.proved', { user_id: user.id, disowned: !theirs });
      return { user: theirs ? verified : await this.users.empty(verified), disowned: !theirs };
    });
  }
}
