// Owns what ends sessions without anybody saying so over there: their time, as the identity provider has set it, and the end of the connection that they
// came by, or of its organization. Jobs do it: who suspends an organization holds its row, and nobody's of its people; and disabling a connection takes no
// longer however many have come by it.
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';
import type { Jobs } from '../../platform/jobs.js';
import type { Sessions } from '../protocol/sessions.js';
import type { Connection } from './connection.entity.js';

export const END_SESSIONS_TASK = 'connections.end_sessions';
export const OVERDUE_SESSIONS_TASK = 'connections.overdue_sessions';

const batch = 200;

/** Of a connection that ends so many go with it, the newest first; the others as soon as jobs come to them. */
const atOnce = 1000;

/** Within this what has been written down for a session has begun one, or never will. */
const BEGINNING_MS = 900_000;

export const EndSessions = z.strictObject({
  session_uids: z.array(z.string().max(255)).max(batch),
  user_ids: z.array(z.uuid()).max(batch),
});

export class UpstreamEndings {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly sessions: Pick<Sessions, 'endStanding'>,
    private readonly jobs: Pick<Jobs, 'enqueueAll'>,
  ) {}

  /** In the transaction in which organizations go, before anybody and anything else: connections are held first by everybody. */
  async organizationsEnding(organizationIds: readonly string[]): Promise<void> {
    await this.db.execute(HOLD_CONNECTIONS, [currentTenantId(), organizationIds]);
  }

  /** In the transaction in which an organization is suspended or goes: sessions that came by its connections, and those that are about to begin. */
  async organizationEnded(organizationId: string): Promise<void> {
    await this.endLater(await this.standing(OF_ORGANIZATION, organizationId));
  }

  /** In the transaction in which a connection is disabled or goes, after which nobody comes in by it any more: those of its people, as above. */
  async connectionEnded({ id }: Pick<Connection, 'id'>): Promise<void> {
    const standing = await this.standing(OF_CONNECTION, id);
    await this.end(togetherOf(standing.slice(0, atOnce)));
    await this.endLater(standing.slice(atOnce));
  }

  /** The job. May run twice: what has ended stays as it is. */
  async end({ session_uids, user_ids }: z.output<typeof EndSessions>): Promise<void> {
    await this.sessions.endStanding(session_uids, user_ids, 'connection_ended');
  }

  private standing(of: Statement, id: string): Promise<Standing[]> {
    const beginning = new Date(this.clock.now().getTime() - BEGINNING_MS);
    return this.db.execute<Standing>(of, [currentTenantId(), id, beginning]);
  }

  private async endLater(standing: readonly Standing[]): Promise<void> {
    const parts = Array.from({ length: Math.ceil(standing.length / batch) }, (_, at) =>
      togetherOf(standing.slice(at * batch, (at + 1) * batch)),
    );
    if (parts.length > 0) await this.jobs.enqueueAll(END_SESSIONS_TASK, parts);
  }

  /** The job, over all tenants: SessionNotOnOrAfter (SAML Core §2.7.2). May stop anywhere and run twice. */
  async endOverdue(signal?: AbortSignal): Promise<void> {
    for (let due: Overdue[] = []; ; ) {
      due = (await this.db.manager.query(OVERDUE, [this.clock.now(), batch])) as Overdue[];
      for (const { tenant_id: tenantId, id, session_uid, user_id, is_last } of due) {
        if (signal?.aborted) return;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        await withContext(context, async () => {
          if (is_last) await this.sessions.endStanding([session_uid], [user_id], 'logout');
          await this.db.execute(DONE, [tenantId, id]);
        });
      }
      if (due.length < batch) return;
    }
  }
}

interface Standing {
  session_uid: string;
  user_id: string;
}

const togetherOf = (standing: readonly Standing[]): z.output<typeof EndSessions> => ({
  session_uids: [...new Set(standing.map(({ session_uid }) => session_uid))],
  user_ids: [...new Set(standing.map(({ user_id }) => user_id))],
});

interface Overdue extends Standing {
  tenant_id: string;
  id: string;
  /** The session has not been proved anew by the same connection since. */
  is_last: boolean;
}

const HOLD_CONNECTIONS = {
  name: 'connections_hold_of_organizations',
  text: 'SELECT 1 FROM connections WHERE tenant_id = $1 AND organization_id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE',
};

/** Those that live, and those that are about to: of what has ended long ago rows are kept, too. */
const standingWhere = (name: string, which: string): Statement => ({
  name,
  text: `
    SELECT s.session_uid, s.user_id
      FROM upstream_sessions s
      JOIN connections c ON c.tenant_id = s.tenant_id AND c.id = s.connection_id
      LEFT JOIN sessions here ON here.tenant_id = s.tenant_id AND here.uid = s.session_uid
     WHERE s.tenant_id = $1 AND ${which} AND here.ended_at IS NULL AND (here.uid IS NOT NULL OR s.created_at > $3)
     GROUP BY s.session_uid, s.user_id ORDER BY max(s.created_at) DESC, s.session_uid`,
});
const OF_ORGANIZATION = standingWhere('upstream_sessions_of_organization', 'c.organization_id = $2');
const OF_CONNECTION = standingWhere('upstream_sessions_of_connection', 'c.id = $2');

const OVERDUE = `
  SELECT s.tenant_id, s.id, s.session_uid, s.user_id,
         NOT EXISTS (SELECT FROM upstream_sessions newer
                      WHERE newer.tenant_id = s.tenant_id AND newer.session_uid = s.session_uid
                        AND newer.connection_id = s.connection_id AND (newer.created_at, newer.id) > (s.created_at, s.id)) AS is_last
    FROM upstream_sessions s JOIN tenants t ON t.id = s.tenant_id
   WHERE s.ends_at <= $1 AND t.suspended_at IS NULL AND t.deleting_at IS NULL ORDER BY s.ends_at LIMIT $2`;

const DONE = {
  name: 'upstream_session_overdue',
  text: 'UPDATE upstream_sessions SET ends_at = NULL WHERE tenant_id = $1 AND id = $2',
};
