// The audit log as it grows, for whoever listens. Ids are by time and not by commit: what a long transaction records comes late, so that the last
// seconds are looked at again and again. Who must not miss anything, whatever it takes, has a webhook.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { firstIdAt, timeOfId } from './audit.queries.js';
import { AuditEvent } from './audit-event.entity.js';

const PAGE = 200;
const LOOK_MS = 1_000;
/** For so long a transaction may take to be seen. */
const WINDOW_MS = 5_000;

export interface Tail {
  /** Names, or `noun.*`; all where there are none. */
  events?: readonly string[] | undefined;
  /** The id of the last one that was seen: what came around its time comes again. */
  after?: string | undefined;
}

/** Oldest first, until the signal: each once, but for what is seen again after a break. */
export async function* tailAudit(
  db: Database,
  clock: Clock,
  { events, after }: Tail,
  signal: AbortSignal,
): AsyncGenerator<AuditEvent> {
  const seen = new Set<string>(after ? [after] : []);
  let low = after ? idAt(timeOfId(after) - WINDOW_MS) : idAt(clock.now().getTime());
  while (!signal.aborted) {
    // Before it is looked: what comes meanwhile is of the next look.
    const next = idAt(clock.now().getTime() - WINDOW_MS);
    for (let from = low, full = true; full && !signal.aborted; ) {
      const rows = await page(db, from, events);
      for (const row of rows)
        if (!seen.has(row.id)) {
          seen.add(row.id);
          yield row;
        }
      full = rows.length === PAGE;
      from = rows.at(-1)?.id ?? from;
      // Of what is looked at once only the last is met again: however far back somebody begins, no more is remembered than of the last seconds.
      const kept = from < next ? from : next;
      for (const id of seen) if (id < kept) seen.delete(id);
    }
    if (next > low) low = next;
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}

function page(db: Database, from: string, events: readonly string[] | undefined): Promise<AuditEvent[]> {
  return db.reading(() => {
    const query = db.repo(AuditEvent).query('event').andWhere('event.id >= :from', { from });
    if (events && !events.includes('*'))
      query.andWhere(`(event.name IN (:...events) OR split_part(event.name, '.', 1) || '.*' IN (:...events))`, {
        events,
      });
    return query.orderBy('event.id', 'ASC').limit(PAGE).getMany();
  });
}

const idAt = (milliseconds: number): string => firstIdAt(new Date(milliseconds).toISOString());
