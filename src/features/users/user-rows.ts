// Rows of users that are held while something is decided about them: two changes at once follow each other. UserService says what follows.
// Whatever ends several things of a person holds their row before anything else of theirs; so of two at once one waits, and neither is aborted.
// NO KEY everywhere: rows that refer to the person, as a failure that is counted, can be written meanwhile.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { ADMIN, User } from './user.entity.js';

/** As it is now, and kept from being changed by others. */
export async function lockedUser(db: Database, id: string): Promise<User | undefined> {
  const row = db.repo(User).query('u').andWhere('u.id = :id', { id });
  return (await row.setLock('for_no_key_update').getOne()) ?? undefined;
}

/** First of all in a transaction that goes on to other rows of theirs, whether or not they may come in. */
export async function holdPerson(db: Database, id: string): Promise<void> {
  if (!db.inTransaction) throw new Error('nothing is held outside a transaction');
  await db.execute(HOLD_PERSON, [currentTenantId(), id]);
}

/** As holdPerson, of many in one order, so that of two who hold the same people one waits. @returns those there are. */
export async function holdPeople(db: Database, ids: readonly string[]): Promise<string[]> {
  if (!db.inTransaction) throw new Error('nothing is held outside a transaction');
  return (await db.execute<{ id: string }>(HOLD_PEOPLE, [currentTenantId(), ids])).map(({ id }) => id);
}

/** @param provedAt NumericDate: what was proved then still begins something. @returns false where they may not come in, or it does not. */
export async function holdUser(db: Database, id: string, provedAt: number | undefined): Promise<boolean> {
  if (!db.inTransaction) throw new Error('nothing is held outside a transaction');
  return (await db.execute(HOLD, [currentTenantId(), id, provedAt ?? null])).length > 0;
}

/** @param at NumericDate, in whole seconds. */
export async function hasEndedSince(db: Database, id: string, at: number): Promise<boolean> {
  return (await db.execute(OUTDATED, [currentTenantId(), id, at])).length > 0;
}

/** Of two who remove each other at once, one is the last. Who may not come in administers nothing. */
export async function isLastAdministrator(db: Database, user: User): Promise<boolean> {
  if (!user.roles.includes(ADMIN)) return false;
  await db.execute(LOCK, [currentTenantId()]);
  const others = db.repo(User).query('u').andWhere(':role = ANY(u.roles)', { role: ADMIN });
  others.andWhere('u.disabled_at IS NULL AND u.deletion_at IS NULL').andWhere('u.id <> :id', { id: user.id });
  return !(await others.getExists());
}

// NO KEY: rows that refer to the tenant can be written meanwhile.
const LOCK = { name: 'administrators_lock', text: 'SELECT id FROM tenants WHERE id = $1 FOR NO KEY UPDATE' };

const HOLD_PERSON = {
  name: 'user_hold_person',
  text: 'SELECT 1 FROM users WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE',
};

const HOLD_PEOPLE = {
  name: 'users_hold_people',
  text: 'SELECT id FROM users WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE',
};

const OUTDATED = {
  name: 'user_proofs_outdated',
  text: `SELECT 1 FROM users WHERE tenant_id = $1 AND id = $2 AND date_trunc('second', proofs_from) > to_timestamp($3::bigint)`,
};

const HOLD = {
  name: 'user_hold',
  text: `
    SELECT 1 FROM users
     WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL AND deletion_at IS NULL
       AND (proofs_from IS NULL OR $3::bigint IS NULL OR date_trunc('second', proofs_from) <= to_timestamp($3::bigint))
       FOR NO KEY UPDATE`,
};
