// Owns what becomes of a try at a factor: counted before the proof is looked at, written down where it failed, told where it locked.
// Hands off to: Lockout for the count, LockoutHistory for the locks, the hook `locked` for the letter.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { SignInFailure } from '../audit/audit.events.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Factor, Lockout, LockoutState, Reservation } from './lockout.js';
import type { LockNotice, LockoutHistory } from './lockout-history.js';
import { type LockoutRules, MAX_IN_A_ROW } from './lockout-rules.js';

export interface AttemptHooks {
  /** In the transaction of the lock, whether or not there is such a user: the same statements for both. */
  locked(lock: LockNotice): Promise<void>;
}

/** What is guessed at. */
export interface Target {
  /** Keyed: says nothing to whoever reads the table. */
  subject: string;
  factor: Factor;
  /** Nobody, where the name is nobody's: counted and written down alike. */
  userId: string | null;
}

export type CodeOutcome =
  | { outcome: 'ok' }
  | { outcome: 'failed' }
  /** There is nothing to guess at: another code is needed. Not counted. */
  | { outcome: 'gone' }
  | { outcome: 'locked'; seconds: number };

/** What a code turned out to be. */
export type Tried = 'right' | 'wrong' | 'gone';

export class Attempts {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly lockout: Lockout,
    private readonly history: LockoutHistory,
    private readonly clock: Clock,
    private readonly hooks: AttemptHooks,
  ) {}

  /** One try at a code. Not inside a transaction. */
  async counted(target: Target, rules: LockoutRules, look: () => Promise<Tried>): Promise<CodeOutcome> {
    const attempt = await this.begin(target, rules);
    if ('lockedUntil' in attempt) {
      await this.failed(target, 'locked');
      const milliseconds = attempt.lockedUntil.getTime() - this.clock.now().getTime();
      return { outcome: 'locked', seconds: Math.max(1, Math.ceil(milliseconds / 1000)) };
    }
    const tried = await look();
    if (tried === 'right') {
      await this.forget(target);
      return { outcome: 'ok' };
    }
    if (tried === 'gone') await this.release(target, attempt);
    await this.failed(target, tried === 'gone' ? 'used_up' : 'wrong_code', tried === 'gone' ? undefined : attempt);
    return { outcome: tried === 'gone' ? 'gone' : 'failed' };
  }

  /**
   * Not inside a transaction: the count must stay where the caller rolls back.
   * @returns until when nothing is looked at, where that is so.
   */
  begin({ subject, factor }: Target, rules: LockoutRules): Promise<Reservation | { lockedUntil: Date }> {
    if (this.db.inTransaction) throw new Error('what may be guessed is tried outside a transaction');
    return this.lockout.reserve(subject, factor, rules);
  }

  failed(target: Target, reason: SignInFailure, { locks }: Reservation = { locks: undefined }): Promise<void> {
    if (!locks) return this.record(target, reason);
    return this.db.transaction(async () => {
      await this.record(target, reason);
      const lock = await this.history.begun({ ...target, cause: reason }, locks);
      // Whoever asks for another code by mail meanwhile is sent a link: a letter about it would be one of many.
      if (target.factor !== 'email_code') await this.hooks.locked(lock);
    });
  }

  /** It was never looked at. */
  release({ subject, factor }: Target, attempt: Reservation): Promise<void> {
    return this.lockout.release(subject, factor, attempt);
  }

  /** It was right: the count ends. @returns how many failed before, which is known until settle(). */
  passed({ subject, factor }: Target): Promise<number> {
    return this.lockout.passed(subject, factor);
  }

  /** What it was tried for is done. */
  settle({ subject, factor }: Target): Promise<void> {
    return this.lockout.settle(subject, factor);
  }

  /** @returns whether there was anything to forget. */
  forget({ subject, factor }: Target): Promise<boolean> {
    return this.lockout.clear(subject, factor);
  }

  state({ subject, factor }: Target): Promise<LockoutState> {
    return this.lockout.state(subject, factor);
  }

  /** In the transaction of what the owner did through their mailbox. */
  async endedByOwner({ subject, factor }: Target): Promise<void> {
    await this.history.ended(subject, factor, 'owner');
    await this.lockout.clear(subject, factor);
  }

  /**
   * The mailbox ends what waiting does not end, once in a month and for half as many tries; a lock that ends by itself stays. So whoever reads the
   * mail cannot guess on and on.
   */
  reopen({ subject, factor }: Target): Promise<void> {
    return this.db.transaction(async () => {
      if (await this.lockout.reopen(subject, factor, MAX_IN_A_ROW / 2))
        await this.history.ended(subject, factor, 'owner');
    });
  }

  /** An administrator's word. @returns whether there was anything to forget. */
  unlock({ subject, factor, userId }: Target): Promise<boolean> {
    return this.db.transaction(async () => {
      await this.history.ended(subject, factor, 'administrator');
      if (!(await this.lockout.clear(subject, factor))) return false;
      await this.audit.record('account.unlocked', { subject_hash: subject, user_id: userId, factor });
      return true;
    });
  }

  private record({ subject, factor, userId }: Target, reason: SignInFailure): Promise<void> {
    return this.audit.record('sign_in.failed', { subject_hash: subject, user_id: userId, factor, reason });
  }
}
