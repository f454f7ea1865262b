// Ends the sessions of everybody at a tenant, batch by batch in the background, for there may be millions. Whoever asks keeps the session that they ask in.
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import type { Jobs } from '../../platform/jobs.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Grants } from './grants.js';
import type { EndSessionsOfAll } from './mass-ending.schema.js';
import type { Sessions } from './sessions.js';

export const MASS_ENDING_TASK = 'sessions.end_all';

/** `after`: the last session of the batch before. */
export const EndBatch = z.strictObject({
  before: z.iso.datetime(),
  kept: z.string().nullable(),
  client_id: z.string().nullable(),
  after: z.string().optional(),
});

export class MassEnding {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly protocol: { sessions: Pick<Sessions, 'endStanding'>; grants: Pick<Grants, 'endImpersonations'> },
    private readonly jobs: Pick<Jobs, 'enqueue'>,
    private readonly batch = 200,
  ) {}

  /** What begins from now on is not meant. */
  request({ reason, ...which }: EndSessionsOfAll): Promise<{ before: string; kept: string | null }> {
    const client_id = which.client_id ?? null;
    const before = this.clock.now().toISOString();
    const kept = currentContext()?.actor?.sessionUid ?? null;
    return this.db.transaction(async () => {
      await this.audit.record('sessions.ending_requested', { before, client_id, kept_session_id: kept, reason });
      // Nobody goes on in the name of people who are signed out.
      if (client_id === null) await this.protocol.grants.endImpersonations({ all: true }, 'revoked');
      await this.jobs.enqueue(MASS_ENDING_TASK, { before, kept, client_id });
      return { before, kept };
    });
  }

  /** The job: one batch, and the next one is enqueued with it. May run twice: what has ended stays as it is. */
  async end({ before, kept, client_id, after }: z.output<typeof EndBatch>): Promise<void> {
    await this.db.transaction(async () => {
      const values = [currentTenantId(), before, kept, client_id, after ?? '', this.batch];
      const live = await this.db.execute<{ uid: string; account_id: string; meant: boolean }>(LIVE, values);
      const ending = live.filter(({ meant }) => meant);
      const people = [...new Set(ending.map(({ account_id }) => account_id))];
      const uids = ending.map(({ uid }) => uid);
      if (uids.length > 0) await this.protocol.sessions.endStanding(uids, people, 'revoked');
      const last = live.at(-1)?.uid;
      if (live.length === this.batch)
        await this.jobs.enqueue(MASS_ENDING_TASK, { before, kept, client_id, after: last });
    });
  }
}

/** In the order of the key, so that no batch reads what the one before has read; and so many, also where few of them are meant: a statement ends in time. */
const LIVE = {
  name: 'protocol_live_sessions_of_all',
  text: `
    SELECT uid, account_id, ($4::text IS NULL OR payload -> 'authorizations' ? $4) IS TRUE AS meant FROM sessions
     WHERE tenant_id = $1 AND account_id IS NOT NULL AND ended_at IS NULL AND created_at <= $2
       AND uid IS DISTINCT FROM $3 AND uid > $5
     ORDER BY uid LIMIT $6`,
};
