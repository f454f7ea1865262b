import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import type { LogoutNoticeQuery } from './logout.schema.js';
import { LogoutNotice } from './logout-notice.entity.js';

/** Newest first: ids are in the order of their making (RFC 9562 §5.7). */
export async function listLogoutNotices(db: Database, query: LogoutNoticeQuery): Promise<Page<LogoutNotice>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const notices = db.repo(LogoutNotice).query('notice');
  if (after) notices.andWhere('notice.id < :after', { after });
  if (query.status) notices.andWhere('notice.status = :status', { status: query.status });
  const rows = await notices
    .orderBy('notice.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, (notice) => notice.id);
}
