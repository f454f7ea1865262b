// Rows of passkeys where two requests at once follow each other, each by one statement. What follows from it, the ceremonies and Passkeys say.
import { randomBytes } from 'node:crypto';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { User } from '../users/user.entity.js';
import { Passkey } from './passkey.entity.js';
import { PasskeyUser } from './passkey-user.entity.js';
import type { Assertion } from './passkey-verifier.js';

/** The user handle (WebAuthn §4), one for each person and tenant, made with the first ceremony. */
export async function handleOf(db: Database, { id: userId }: User): Promise<string> {
  await db.execute(ENSURE_HANDLE, [currentTenantId(), userId, randomBytes(32).toString('base64url')]);
  const row = await db.repo(PasskeyUser).findOneBy({ userId });
  if (!row) throw new Error('a person without a handle');
  return row.userHandle;
}

/** Until the transaction ends, whoever else adds, lowers or removes one of this account waits. */
export async function holdPasskeys(db: Database, userId: string): Promise<void> {
  await db.execute(HOLD_USER, [currentTenantId(), userId]);
}

/** Whether any account has it already. It is locked until the transaction ends, so that one of two who bring it is told. */
export async function isTaken(db: Database, credentialId: string): Promise<boolean> {
  await db.execute(LOCK_ID, [currentTenantId(), credentialId]);
  return db.repo(Passkey).existsBy({ credentialId });
}

/**
 * §6.1.1, §7.2 step 22: one statement compares and moves the counter on, whoever comes at the same time.
 * @param raised whether its holder is believed to have unlocked it from now on. @returns undefined where the counter did not grow.
 */
export async function advanced(
  db: Database,
  passkey: Passkey,
  { signCount, backedUp }: Assertion,
  raised: boolean,
  now: Date,
): Promise<Passkey | undefined> {
  const values = [currentTenantId(), passkey.credentialId, signCount, backedUp, raised, now];
  const [row] = await db.execute<{ uv_initialized: boolean }>(ADVANCE, values);
  if (!row) return undefined;
  const uvInitialized = row.uv_initialized;
  return Object.assign(passkey, { signCount: String(signCount), backedUp, uvInitialized, lastUsedAt: now });
}

const ENSURE_HANDLE = {
  name: 'passkey_handle',
  text: `INSERT INTO passkey_users (tenant_id, user_id, user_handle) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
};

const HOLD_USER = {
  name: 'passkey_lock_user',
  text: `SELECT 1 FROM passkey_users WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE`,
};

const LOCK_ID = {
  name: 'passkey_lock_id',
  text: `SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text, 22))`,
};

const ADVANCE = {
  name: 'passkey_advance',
  text: `
    UPDATE passkeys SET sign_count = $3, backed_up = $4, uv_initialized = uv_initialized OR $5, last_used_at = $6
    WHERE tenant_id = $1 AND credential_id = $2 AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0))
    RETURNING uv_initialized`,
};
