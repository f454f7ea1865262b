// How long an address is left alone by an organization after what became of earlier invitations: taking one back and making the next is no way
// around the wait for another letter.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { cooldownSeconds } from './invitation-states.js';

const dayMs = 24 * 3_600_000;

/** Seconds: after a letter as long as for sending it again, and a day for whoever has declined. @returns 0 or less where they may be asked. */
export async function secondsOfRest(
  db: Database,
  { organizationId, emailNormalized }: { organizationId: string; emailNormalized: string },
  now: Date,
): Promise<number> {
  const since = new Date(now.getTime() - dayMs);
  const [row] = await db.execute<Row>(LATELY, [currentTenantId(), organizationId, emailNormalized, since]);
  if (!row?.sent_at) return 0;
  const until = row.sent_at.getTime() + cooldownSeconds(row.sends) * 1000;
  const declined = row.declined_at ? row.declined_at.getTime() + dayMs : 0;
  return (Math.max(until, declined) - now.getTime()) / 1000;
}

interface Row {
  /** Letters of all of them. */
  sends: number;
  sent_at: Date | null;
  declined_at: Date | null;
}

const LATELY = {
  name: 'invitation_lately',
  text: `
    SELECT sum(sends)::int AS sends, max(sent_at) AS sent_at, max(decided_at) FILTER (WHERE state = 'declined') AS declined_at
      FROM organization_invitations
     WHERE tenant_id = $1 AND organization_id = $2 AND email_normalized = $3 AND decided_at IS NOT NULL
       AND (sent_at > $4 OR decided_at > $4)`,
};
