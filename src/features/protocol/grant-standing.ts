// What a grant without a session stands on beside its account: it is given while all of that is there, ends with it, and runs out no later.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import * as statements from './grant-statements.js';

export interface Standing {
  /** Another grant. */
  parent?: string | undefined;
  /** A session that it is not of. */
  session?: string | undefined;
  /** What the person who acts was given (RFC 8693 §4.1): nobody acts for another any longer than they may act at all. */
  acting?: { grant: string; session?: string | undefined } | undefined;
}

/** How a grant came about without a session (migrations/0056); all others are `consent`. */
export type Origin = 'device' | 'ciba' | 'exchange' | 'assertion' | 'impersonation';

/** A grant without a session. */
export interface Apart extends Standing {
  accountId: string;
  clientId: string;
  origin: Origin;
  /** It was given on the word of this trusted issuer, and ends when that one is believed no more. */
  issuer?: string;
  /** For which organization it is. */
  organization?: string | undefined;
  /** No later than the token it is given for; a year where nothing is said. */
  until?: Date | undefined;
}

/** Grants that stand on one another at most, so that the end of the first is the end of few. */
const MOST_LEVELS = 4;

/**
 * Until the end of the transaction none of it ends, in the order in which everybody holds them.
 * @returns when each of it runs out, by what is known now; undefined where any has ended, or too many stand on one another already.
 */
export async function holdStanding(
  db: Database,
  { parent, session, acting }: Standing,
  now: Date,
): Promise<Date[] | undefined> {
  const ends: Date[] = [];
  for (const uid of [session, acting?.session]) {
    if (uid === undefined) continue;
    const [held] = await db.execute<{ expires_at: Date }>(statements.holdLiveSession, [currentTenantId(), uid, now]);
    if (!held) return undefined;
    ends.push(held.expires_at);
  }
  for (const id of [parent, acting?.grant]) {
    if (id === undefined) continue;
    const values = [currentTenantId(), id, now];
    const [held] = await db.execute<{ expires_at: Date; level: number }>(statements.holdGrant, values);
    if (!held || held.level >= MOST_LEVELS) return undefined;
    ends.push(held.expires_at);
  }
  return ends;
}
