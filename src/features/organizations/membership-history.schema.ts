import { z } from 'zod';
import { pageQuery } from '../../platform/pagination.js';
import type { MembershipEvent } from './membership-event.entity.js';
import { KINDS } from './membership-event.entity.js';
import type { Span } from './membership-history.queries.js';

export const HistoryQuery = z.strictObject({ ...pageQuery, kind: z.enum(KINDS).optional() });
export type HistoryQuery = z.infer<typeof HistoryQuery>;

export const MembershipEventView = z
  .object({
    id: z.uuid(),
    user_id: z.uuid(),
    kind: z.enum(KINDS),
    data: z.record(z.string(), z.unknown()),
    actor: z.object({ type: z.enum(['user', 'client', 'system']), id: z.string() }).nullable(),
    occurred_at: z.iso.datetime(),
  })
  .meta({ id: 'MembershipEvent' });

export const presentEvent = ({ id, userId, kind, data, actorType, actorId, occurredAt }: MembershipEvent) => ({
  id,
  user_id: userId,
  kind,
  data,
  actor: actorType && actorId ? { type: actorType, id: actorId } : null,
  occurred_at: occurredAt.toISOString(),
});

const INTERVALS = ['day', 'week', 'month'] as const;
export type Interval = (typeof INTERVALS)[number];

const dayMs = 86_400_000;
const mostDays = { day: 366, week: 7 * 366, month: 31 * 366 };

/** Nobody was a member before, and not every day that can be written is one to Postgres. */
const Day = z.iso.date().refine((day) => day >= '1970-01-01', { message: 'must be 1970-01-01 or later' });

export const StatisticsQuery = z
  .strictObject({
    from: Day.meta({ description: 'First day, in UTC' }),
    to: Day.meta({ description: 'Day after the last one' }),
    interval: z.enum(INTERVALS).default('day').meta({ description: 'Weeks begin on Monday' }),
  })
  .refine(({ from, to }) => from < to, { message: 'must be after from', path: ['to'] })
  .refine(({ from, to, interval }) => Date.parse(to) - Date.parse(from) <= mostDays[interval] * dayMs, {
    message: 'is too far from from for this interval',
    path: ['to'],
  });

export const StatisticsView = z
  .object({
    intervals: z.array(
      z.object({
        from: z.iso.date(),
        to: z.iso.date().meta({ description: 'The day after; the first and the last interval may be shorter' }),
        joined: z.int(),
        left: z.int().meta({
          description:
            'Left, were removed, or had their account deleted; whoever is suspended is a member all the same',
        }),
        members: z.int().meta({ description: 'At the end' }),
        growth_rate: z
          .number()
          .nullable()
          .meta({ description: '(members at the end − members at the beginning) ÷ members at the beginning' }),
        churn_rate: z.number().nullable().meta({
          description: 'Left ÷ members at the beginning; null where there was nobody',
        }),
      }),
    ),
  })
  .meta({ id: 'OrganizationStatistics' });

/** Rates are of those who were members when the interval began. */
export const presentSpans = (spans: readonly Span[]) => ({
  intervals: spans.map(({ begins, ends, joined, left, members }) => {
    const before = members - joined + left;
    return {
      from: begins,
      to: ends,
      joined,
      left,
      members,
      growth_rate: before > 0 ? (members - before) / before : null,
      churn_rate: before > 0 ? left / before : null,
    };
  }),
});
