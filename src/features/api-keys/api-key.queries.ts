import { z } from 'zod';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { ApiKey } from './api-key.entity.js';
import type { ApiKeyQuery } from './api-key.schema.js';

/** Newest first: ids are in the order of their making (RFC 9562 §5.7). */
export async function listApiKeys(db: Database, query: ApiKeyQuery): Promise<Page<ApiKey>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const keys = db.repo(ApiKey).query('key');
  if (after) keys.andWhere('key.id < :after', { after });
  if (query.user_id) keys.andWhere('key.user_id = :userId', { userId: query.user_id });
  const rows = await keys
    .orderBy('key.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (key) => key.id);
}

/** Days (UTC) on which it was used, from one to another, both included. */
export async function usageOf(db: Database, keyId: string, from: string, to: string) {
  const rows = await db.execute<{ day: string; requests: string }>(usage, [currentTenantId(), keyId, from, to]);
  return rows.map(({ day, requests }) => ({ day, requests: Number(requests) }));
}

const usage: Statement = {
  name: 'api_key_usage_of',
  text: `SELECT to_char(day AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, requests FROM api_key_usage
          WHERE tenant_id = $1 AND key_id = $2 AND day >= $3::timestamptz AND day <= $4::timestamptz
          ORDER BY day`,
};
