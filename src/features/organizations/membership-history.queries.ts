import { z } from 'zod';
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import { MembershipEvent } from './membership-event.entity.js';
import type { HistoryQuery, Interval } from './membership-history.schema.js';

/** Newest first. @param userId of one member, who need not be one any more. */
export async function listHistory(
  db: Database,
  organizationId: string,
  query: HistoryQuery,
  userId?: string,
): Promise<Page<MembershipEvent>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const events = db
    .repo(MembershipEvent)
    .query('e')
    .andWhere('e.organization_id = :organizationId', { organizationId });
  if (userId) events.andWhere('e.user_id = :userId', { userId });
  if (query.kind) events.andWhere('e.kind = :kind', { kind: query.kind });
  if (after) events.andWhere('e.id < :after', { after });
  const rows = await events
    .orderBy('e.id', 'DESC')
    .limit(query.limit + 1)
    .getMany();
  return toPage(rows, query, ({ id }) => id);
}

export interface Span {
  begins: string;
  ends: string;
  joined: number;
  left: number;
  /** At its end. */
  members: number;
}

/** Counted from the history alone. @param from @param to dates in UTC, the second not included. */
export const countSpans = (
  db: Database,
  organizationId: string,
  { from, to, interval }: { from: string; to: string; interval: Interval },
): Promise<Span[]> => db.execute<Span>(SPANS, [currentTenantId(), organizationId, from, to, interval]);

// The first and the last span are cut where the time asked for begins and ends. What was before counts as one move at its beginning.
const SPANS: Statement = {
  name: 'membership_spans',
  text: `
    WITH asked AS (SELECT $3::timestamp AS first, $4::timestamp AS last, ('1 ' || $5::text)::interval AS step),
    spans AS (
      SELECT span, greatest(span, first) AS begins, least(span + step, last) AS ends
        FROM asked, generate_series(date_trunc($5, first), last - interval '1 microsecond', step) span
    ), moves AS (
      SELECT CASE WHEN at >= first THEN date_trunc($5, at) END AS span,
             count(*) FILTER (WHERE kind = 'joined') AS joined, count(*) FILTER (WHERE kind <> 'joined') AS gone
        FROM asked, (SELECT kind, occurred_at AT TIME ZONE 'UTC' AS at FROM membership_events
                      WHERE tenant_id = $1 AND organization_id = $2 AND kind IN ('joined', 'left', 'removed')) e
       WHERE at < last GROUP BY 1
    )
    SELECT to_char(begins, 'YYYY-MM-DD') AS begins, to_char(ends, 'YYYY-MM-DD') AS ends,
           coalesce(joined, 0)::int AS joined, coalesce(gone, 0)::int AS left,
           (coalesce((SELECT joined - gone FROM moves WHERE span IS NULL), 0)
             + sum(coalesce(joined - gone, 0)) OVER (ORDER BY begins))::int AS members
      FROM spans LEFT JOIN moves USING (span) ORDER BY begins`,
};
