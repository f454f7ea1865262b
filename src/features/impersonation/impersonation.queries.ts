// Who has acted for somebody, and why: read from the audit log, which is where it is written down.
import { z } from 'zod';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { decodeCursor, type Page, toPage } from '../../platform/pagination.js';
import type { AuditEvents } from '../audit/audit.events.js';
import type { ImpersonationQuery } from './impersonation.schema.js';

interface Row {
  id: string;
  data: AuditEvents['impersonation.started'];
  impersonator_id: string;
  occurred_at: Date;
  ended_at: Date | null;
  end_reason: string | null;
}

/** Newest first. */
export async function listImpersonations(db: Database, userId: string, query: ImpersonationQuery): Promise<Page<Row>> {
  const after = decodeCursor(query.cursor, z.uuid());
  const values = [currentTenantId(), userId, after ?? null, query.limit + 1];
  return toPage((await db.manager.query(LIST, values)) as Row[], query, ({ id }) => id);
}

export const present = ({ data, impersonator_id, occurred_at, ended_at, end_reason }: Row) => ({
  id: data.impersonation_id,
  user_id: data.user_id,
  impersonator_id,
  client_id: data.client_id,
  resource: data.resource,
  scope: data.scope,
  reason: data.reason,
  started_at: occurred_at.toISOString(),
  expires_at: data.until,
  ended_at: ended_at?.toISOString() ?? null,
  end_reason,
});

// Both are found by the index of what happened to one person.
const LIST = `
  SELECT started.id, started.data, started.actor_id AS impersonator_id, started.occurred_at,
         ended.occurred_at AS ended_at, ended.data ->> 'reason' AS end_reason
    FROM audit_events started
    LEFT JOIN LATERAL (
      SELECT e.occurred_at, e.data FROM audit_events e
       WHERE e.tenant_id = $1 AND e.data ->> 'user_id' = $2 AND e.id > started.id AND e.name = 'impersonation.ended'
         AND e.data ->> 'impersonation_id' = started.data ->> 'impersonation_id' LIMIT 1) ended ON true
   WHERE started.tenant_id = $1 AND started.data ->> 'user_id' = $2 AND started.name = 'impersonation.started'
     AND ($3::uuid IS NULL OR started.id < $3)
   ORDER BY started.id DESC LIMIT $4`;
