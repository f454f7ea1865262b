// Owns who made their own account and has not proved its address since. Hands off to: nobody; RegistrationService writes, MailboxProof ends it.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { Registration } from './registration.entity.js';

export class Registrations {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Whether somebody made this account without having proved its address since. */
  async isUnproved(userId: string): Promise<boolean> {
    return this.db.repo(Registration).existsBy({ userId });
  }

  /** Of the interaction in which an unproved account was made. */
  async flowHashOf(userId: string): Promise<string | undefined> {
    return (await this.db.repo(Registration).findOneBy({ userId }))?.flowHash;
  }

  /** In the transaction that makes the account. Nothing where it was not made just now: the same statement for both. */
  async remember(userId: string, flow: string): Promise<void> {
    await this.db.execute(REMEMBER, [currentTenantId(), userId, sha256(flow), this.clock.now()]);
  }

  /** In the transaction that proves the address. */
  async forget(userId: string): Promise<void> {
    await this.db.repo(Registration).delete({ userId });
  }
}

const REMEMBER = {
  name: 'registration_remember',
  text: `
    INSERT INTO registrations (tenant_id, user_id, flow_hash, created_at)
    SELECT tenant_id, id, $3, $4 FROM users WHERE tenant_id = $1 AND id = $2`,
};
