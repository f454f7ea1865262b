// Owns what a person does with their own password: another one in place of the one they know, or a first one.
// Hands off to: passwords, which counts wrong ones and ends what rested on the old one; mail for telling the owner.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import type { PasswordService } from '../credentials/password.service.js';
import type { MailService } from '../mail/mail.service.js';
import type { LockdownLinks } from '../risk/lockdown-links.js';
import type { User } from '../users/user.entity.js';

export type PasswordChange =
  | { outcome: 'done' }
  /** The current one is not what was typed; counted like a wrong one at the sign-in. */
  | { outcome: 'failed' }
  | { outcome: 'locked'; until: Date }
  /** The new one is the one they have. */
  | { outcome: 'same' };

interface Given {
  current: string;
  password: string;
  /** The session that goes on. All others end, with their grants; undefined: all of them. */
  keptSession: string | undefined;
}

export class OwnPassword {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly passwords: PasswordService,
    private readonly mail: Pick<MailService, 'send'>,
    private readonly lockdownLinks: LockdownLinks,
  ) {}

  /** @throws AppError 422 where the new one cannot be chosen, 503 where there is no room to hash. */
  async change(user: User, { current, password, keptSession }: Given): Promise<PasswordChange> {
    const proof = await this.passwords.verify(user.email, current);
    if (proof.outcome === 'locked') return proof;
    // The address belonged to somebody else a moment ago, or does so now: what was proved is not this account's.
    if (proof.outcome !== 'ok' || proof.user.id !== user.id) return { outcome: 'failed' };
    if (password === current) return { outcome: 'same' };
    const write = await this.passwords.prepare(user, password, { keptSession });
    return this.db.transaction(async () => {
      // Somebody was faster, with the same old password or as administrator: it proves nothing any more.
      if (!(await this.passwords.isStill(user, proof.changedAt))) return { outcome: 'failed' };
      await write();
      await this.tell(user);
      return { outcome: 'done' };
    });
  }

  /**
   * For whoever came in without one.
   * @param stands in the transaction that writes it: whether the session still holds.
   * @throws AppError 409 where they have one or are signed out by then, 422 where it cannot be chosen.
   */
  async setFirst(
    user: User,
    password: string,
    keptSession: string | undefined,
    stands: () => Promise<boolean>,
  ): Promise<void> {
    if (await this.passwords.has(user)) throw hasOne();
    const write = await this.passwords.prepare(user, password, { keptSession });
    await this.db.transaction(async () => {
      // It took a while to hash, and links to choose another one end with it.
      if (!(await stands())) throw conflict('session_ended', 'You were signed out meanwhile');
      if (await this.passwords.has(user)) throw hasOne();
      await write();
      await this.tell(user);
    });
  }

  private async tell(user: User): Promise<void> {
    const data = { at: this.clock.now().toISOString(), link: await this.lockdownLinks.issue(user) };
    await this.mail.send('password_changed', user.email, data, user.claims.locale);
  }
}

const hasOne = () => conflict('has_password', 'The account has a password: change that one');
