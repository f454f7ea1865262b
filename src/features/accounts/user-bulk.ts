// Many changes of people in one request: each is done or refused by itself, in the order they are given, and all that are done are there at once.
import { refusalOf } from '../../platform/bulk.js';
import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import type { AccountLocks } from '../credentials/account-locks.js';
import type { ImportedPasswords } from '../credentials/imported-passwords.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { holdPeople } from '../users/user-rows.js';
import type { UserOperation } from './user-bulk.schema.js';

interface Result {
  index: number;
  op: string;
  user_id?: string;
  done: boolean;
  error?: { status: number; code: string; detail: string };
}

export class UserBulk {
  constructor(
    private readonly db: Database,
    private readonly users: UserService,
    private readonly newUsers: Pick<ImportedPasswords, 'createUser'>,
    private readonly locks: Pick<AccountLocks, 'unlock'>,
  ) {}

  /** What fails for another reason than a rule takes everything back. */
  run(operations: readonly UserOperation[]): Promise<Result[]> {
    return this.db.transaction(async () => {
      // In one order, as everybody holds them: of two such requests one waits for the other.
      await holdPeople(this.db, [...new Set(operations.flatMap((one) => ('user_id' in one ? [one.user_id] : [])))]);
      const results: Result[] = [];
      for (const [index, operation] of operations.entries())
        results.push({ index, op: operation.op, ...(await this.one(operation)) });
      return results;
    });
  }

  /** Every rule is asked before the first row is written: a refusal leaves nothing half done. */
  private async one(operation: UserOperation): Promise<Pick<Result, 'user_id' | 'done' | 'error'>> {
    const named = 'user_id' in operation ? { user_id: operation.user_id } : {};
    try {
      return { user_id: (await this.perform(operation)).id, done: true };
    } catch (error) {
      return { ...named, done: false, error: refusalOf(error) };
    }
  }

  private async perform(operation: UserOperation): Promise<User> {
    if (operation.op === 'create') {
      const { op, password_hash, ...input } = operation;
      // The index would refuse it, and all the others with it.
      if (await this.users.findByEmail(input.email)) throw conflict('conflict', TAKEN);
      return this.newUsers.createUser(input, password_hash);
    }
    const user = await this.users.find(operation.user_id);
    if (operation.op === 'disable') return this.users.disable(user);
    if (operation.op === 'enable') return this.users.enable(user);
    await this.locks.unlock(user);
    return user;
  }
}

const TAKEN = 'Something with these values exists already';
