import { z } from 'zod';
import type { Database } from '../../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../../platform/pagination.js';
import { InitialAccessToken } from './initial-access-token.entity.js';
import type { InitialAccessTokenQuery } from './initial-access-token.schema.js';

/** Newest first: ids are in the order of their making (RFC 9562 §5.7). */
export async function listInitialAccessTokens(
  db: Database,
  query: InitialAccessTokenQuery,
): Promise<Page<InitialAccessToken>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const tokens = db.repo(InitialAccessToken).query('token');
  if (after) tokens.andWhere('token.id < :after', { after });
  const rows = await tokens
    .orderBy('token.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (token) => token.id);
}
