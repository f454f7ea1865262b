// Many changes of members in one request: each is done or refused by itself, in the order they are given, and all that are done are there at once.
import { refusalOf } from '../../platform/bulk.js';
import type { Database } from '../../platform/database.js';
import { holdPeople } from '../users/user-rows.js';
import type { MembershipService } from './membership.service.js';
import type { Operation } from './membership-bulk.schema.js';
import type { Organization } from './organization.entity.js';
import { lockedOrganization } from './organization-rows.js';

interface Result {
  index: number;
  op: string;
  user_id: string;
  done: boolean;
  error?: { status: number; code: string; detail: string };
}

export class MembershipBulk {
  constructor(
    private readonly db: Database,
    private readonly memberships: MembershipService,
  ) {}

  /** What fails for another reason than a rule takes everything back. */
  run(organization: Organization, operations: readonly Operation[]): Promise<Result[]> {
    return this.db.transaction(async () => {
      // In one order, people first, as everybody holds them: of two such requests one waits for the other.
      const people = [...new Set(operations.map(({ user_id }) => user_id))];
      await holdPeople(this.db, people);
      await lockedOrganization(this.db, organization, 'changing');
      const results: Result[] = [];
      for (const [index, operation] of operations.entries()) {
        const { op, user_id } = operation;
        const error = await this.one(organization, operation);
        results.push({ index, op, user_id, done: !error, ...(error ? { error } : {}) });
      }
      return results;
    });
  }

  /** Every rule is asked before the first row is written (MembershipService): a refusal leaves nothing half done. */
  private async one(organization: Organization, operation: Operation): Promise<Result['error']> {
    try {
      await this.perform(organization, operation);
      return undefined;
    } catch (error) {
      return refusalOf(error);
    }
  }

  private perform(organization: Organization, operation: Operation): Promise<unknown> {
    const { user_id } = operation;
    switch (operation.op) {
      case 'add': {
        const { op, ...member } = operation;
        return this.memberships.add(organization, member, { kind: 'added' });
      }
      case 'change': {
        const { op, user_id: _whose, ...change } = operation;
        return this.memberships.change(organization, user_id, change);
      }
      case 'remove':
        return this.memberships.remove(organization, user_id);
      case 'suspend':
        return this.memberships.suspend(organization, user_id, operation.reason);
      case 'resume':
        return this.memberships.resume(organization, user_id);
    }
  }
}
