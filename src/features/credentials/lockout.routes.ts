import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { endpoint } from '../../platform/endpoint.js';
import { decodeCursor, mapPage, type PageRequest, pageOf, pageQuery, toPage } from '../../platform/pagination.js';
import type { User } from '../users/user.entity.js';
import { UserParams } from '../users/user.schema.js';
import type { UserService } from '../users/user.service.js';
import { type AccountLocks, COUNTED } from './account-locks.js';
import type { LockoutState } from './lockout.js';
import { LockoutRecord } from './lockout-record.entity.js';

const FailuresView = z
  .object({
    failed_login_attempts: z.int(),
    locked_until: z.iso.datetime().nullable(),
    lockout_count: z.int(),
    last_failed_attempt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'LoginFailures' });

const LockoutView = z
  .object({ password: FailuresView, email_code: FailuresView, second_factor: FailuresView })
  .meta({ id: 'Lockout' });

const LockoutRecordView = z
  .object({
    id: z.uuid(),
    factor: z.enum(COUNTED),
    cause: z.string(),
    ip: z.string().nullable(),
    locked_at: z.iso.datetime(),
    locked_until: z.iso.datetime(),
    unlocked_at: z.iso.datetime().nullable(),
    unlocked_by: z.string().nullable(),
  })
  .meta({ id: 'LockoutRecord' });

export const lockoutRoutes = (db: Database, users: UserService, locks: AccountLocks) => [
  endpoint({
    method: 'get',
    path: '/users/:user_id/lockout',
    scope: 'users:read',
    summary: 'Read the failed sign-ins of a user, and until when signing in is locked',
    params: UserParams,
    response: LockoutView,
    async handle({ params }) {
      const { password, email_code, second_factor } = await locks.failures(await users.find(params.user_id));
      return {
        password: presentFailures(password),
        email_code: presentFailures(email_code),
        second_factor: presentFailures(second_factor),
      };
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/lockout',
    scope: { anyOf: ['users:lock', 'users:write'] },
    summary: 'Unlock a user and forget failed sign-ins',
    params: UserParams,
    async handle({ params }) {
      await locks.unlock(await users.find(params.user_id));
    },
  }),
  endpoint({
    method: 'get',
    path: '/users/:user_id/lockouts',
    scope: 'users:read',
    summary: 'List every lock of a user within a year, newest first',
    params: UserParams,
    query: z.strictObject(pageQuery),
    response: pageOf(LockoutRecordView),
    async handle({ params, query }) {
      const user = await users.find(params.user_id);
      return mapPage(await db.reading(() => listLockouts(db, user, query)), presentRecord);
    },
  }),
  endpoint({
    method: 'delete',
    path: '/users/:user_id/second-factors',
    scope: 'users:write',
    summary: 'Remove every second factor of a user, and end their sessions and remembered browsers',
    params: UserParams,
    async handle({ params }) {
      await locks.removeSecondFactors(await users.find(params.user_id));
    },
  }),
];

async function listLockouts(db: Database, user: User, query: PageRequest) {
  const after = decodeCursor(query.cursor, z.uuid());
  const records = db.repo(LockoutRecord).query('l').andWhere('l.user_id = :userId', { userId: user.id });
  if (after) records.andWhere('l.id < :after', { after });
  const rows = await records
    .orderBy('l.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}

const presentFailures = (state: LockoutState) => ({
  failed_login_attempts: state.failed_count,
  locked_until: state.locked_until?.toISOString() ?? null,
  lockout_count: state.lockout_count,
  last_failed_attempt: state.last_failed_at?.toISOString() ?? null,
});

const presentRecord = (record: LockoutRecord) => ({
  id: record.id,
  factor: COUNTED.find((factor) => factor === record.factor) ?? ('password' as const),
  cause: record.cause,
  ip: record.ip,
  locked_at: record.lockedAt.toISOString(),
  locked_until: record.lockedUntil.toISOString(),
  unlocked_at: record.unlockedAt?.toISOString() ?? null,
  unlocked_by: record.unlockedBy,
});
