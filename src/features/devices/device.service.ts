// Owns the browsers an account was signed in with, and in which of them it is remembered after a second factor. A browser holds a random
// value for each account; here lies its hash, so that a copy of the database remembers nobody.
import { MoreThan } from 'typeorm';
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import { newId, randomToken, sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { User } from '../users/user.entity.js';
import { Device } from './device.entity.js';

const dayMs = 24 * 3600 * 1000;

/** Of one account. What signs in again and again and keeps no cookie, as a monitor does, would be another browser each time. */
const MOST_DEVICES = 100;

export type TrustEnd = 'revoked' | 'password_changed' | 'factors_removed' | 'account_ended' | 'lockdown';

export class Devices {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /** @param handles what the browser holds, of whichever account. */
  async isTrusted(userId: string, handles: readonly string[]): Promise<boolean> {
    if (handles.length === 0) return false;
    const values = [currentTenantId(), userId, handles.map(sha256), this.clock.now()];
    return (await this.db.execute(TRUSTED, values)).length > 0;
  }

  /** After a second factor only. @returns a new value for the browser: one that somebody else may have put there is worth nothing. */
  trust(user: User, handles: readonly string[], days: number): Promise<string> {
    return this.db.transaction(async () => {
      await this.db.execute(FORGET, [currentTenantId(), user.id, handles.map(sha256)]);
      const trustedUntil = new Date(this.clock.now().getTime() + days * dayMs);
      const { handle, id } = await this.add(user, trustedUntil);
      await this.audit.record('device.remembered', { user_id: user.id, device_id: id, days });
      return handle;
    });
  }

  /** At the end of a sign-in. @returns what the browser is to hold where it is new. */
  seen(user: User, handles: readonly string[]): Promise<string | undefined> {
    return this.db.transaction(async () => {
      const values = [currentTenantId(), user.id, handles.map(sha256), this.clock.now()];
      if ((await this.db.execute(SEEN, values)).length > 0) return undefined;
      return (await this.add(user, null)).handle;
    });
  }

  /** Without effect: whether the account was seen in this browser before, or in none at all. */
  async recognised({ id: userId }: Pick<User, 'id'>, handles: readonly string[]): Promise<'known' | 'new' | 'first'> {
    const values = [currentTenantId(), userId, handles.map(sha256)];
    const [row] = await this.db.execute<{ known: boolean | null }>(RECOGNISED, values);
    return row?.known ? 'known' : row?.known === false ? 'new' : 'first';
  }

  /** Those in which the account is remembered now. */
  trustedOf({ id: userId }: Pick<User, 'id'>): Promise<Device[]> {
    const where = { userId, trustedUntil: MoreThan(this.clock.now()) };
    return this.db.repo(Device).find({ where, order: { id: 'DESC' } });
  }

  /** @throws AppError 404 */
  async revoke(user: Pick<User, 'id'>, id: string): Promise<void> {
    await this.db.transaction(async () => {
      if ((await this.db.repo(Device).update({ userId: user.id, id }, { trustedUntil: null })) === 0)
        throw notFound('device');
      await this.audit.record('device.forgotten', { user_id: user.id, device_id: id, reason: 'revoked' });
    });
  }

  /** Joins the transaction of whatever ended it. */
  async endAll({ id: userId }: Pick<User, 'id'>, reason: TrustEnd): Promise<void> {
    await this.db.transaction(async () => {
      const rows = await this.db.execute<{ id: string }>(END_ALL, [currentTenantId(), userId]);
      for (const { id } of rows)
        await this.audit.record('device.forgotten', { user_id: userId, device_id: id, reason });
    });
  }

  /** Joins the transaction of whoever believes them no longer: those that were first seen since then are known no more. */
  async removeSince({ id: userId }: Pick<User, 'id'>, since: Date, reason: TrustEnd): Promise<void> {
    await this.db.transaction(async () => {
      const values = [currentTenantId(), userId, since];
      const rows = await this.db.execute<{ id: string; remembered: boolean }>(REMOVE_SINCE, values);
      for (const { id, remembered } of rows)
        if (remembered) await this.audit.record('device.forgotten', { user_id: userId, device_id: id, reason });
    });
  }

  private async add({ id: userId }: User, trustedUntil: Date | null): Promise<{ handle: string; id: string }> {
    const handle = randomToken();
    const now = this.clock.now();
    const { ip = null, userAgent = null } = currentContext() ?? {};
    const row = { id: newId(), userId, handleHash: sha256(handle), ip, userAgent, createdAt: now, lastSeenAt: now };
    await this.db.repo(Device).insert(Object.assign(new Device(), row, { trustedUntil }));
    await this.db.execute(KEEP_NEWEST, [currentTenantId(), userId, now, MOST_DEVICES]);
    return { handle, id: row.id };
  }
}

const TRUSTED = {
  name: 'device_trusted',
  text: `
    SELECT id FROM devices
    WHERE tenant_id = $1 AND user_id = $2 AND handle_hash = ANY($3::text[]) AND trusted_until > $4::timestamptz`,
};

/** Null where the account was seen in no browser. */
const RECOGNISED = {
  name: 'device_recognised',
  text: `
    SELECT bool_or(handle_hash = ANY($3::text[])) AS known FROM devices
    WHERE tenant_id = $1 AND user_id = $2`,
};

const FORGET = {
  name: 'device_forget',
  text: 'DELETE FROM devices WHERE tenant_id = $1 AND user_id = $2 AND handle_hash = ANY($3::text[])',
};

const SEEN = {
  name: 'device_seen',
  text: `
    UPDATE devices SET last_seen_at = $4
    WHERE tenant_id = $1 AND user_id = $2 AND handle_hash = ANY($3::text[]) RETURNING id`,
};

const REMOVE_SINCE = {
  name: 'device_remove_since',
  text: `
    DELETE FROM devices WHERE tenant_id = $1 AND user_id = $2 AND created_at >= $3::timestamptz
    RETURNING id, trusted_until IS NOT NULL AS remembered`,
};

const KEEP_NEWEST = {
  name: 'device_keep_newest',
  text: `
    DELETE FROM devices WHERE tenant_id = $1 AND user_id = $2 AND id IN (
      SELECT id FROM devices WHERE tenant_id = $1 AND user_id = $2
      ORDER BY COALESCE(trusted_until > $3::timestamptz, false) DESC, last_seen_at DESC, id DESC OFFSET $4)`,
};

const END_ALL = {
  name: 'device_end_all',
  text: `
    UPDATE devices SET trusted_until = NULL
    WHERE tenant_id = $1 AND user_id = $2 AND trusted_until IS NOT NULL RETURNING id`,
};
