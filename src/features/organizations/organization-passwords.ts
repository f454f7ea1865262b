// How long the passwords of members have to be: the strictest of their organizations has the word.
import { currentTenantId } from '../../platform/context.js';
import type { Database, Statement } from '../../platform/database.js';

/** 0 where none of them asks for anything. */
export async function passwordLengthOf(db: Database, userId: string): Promise<number> {
  const [row] = await db.execute<{ length: number | null }>(LENGTH, [currentTenantId(), userId]);
  return row?.length ?? 0;
}

const LENGTH: Statement = {
  name: 'organizations_password_length',
  text: `
    SELECT max((o.settings -> 'policy' -> 'password' ->> 'min_length')::int) AS length
      FROM memberships m JOIN organizations o ON o.tenant_id = m.tenant_id AND o.id = m.organization_id
     WHERE m.tenant_id = $1 AND m.user_id = $2 AND m.suspended_at IS NULL AND o.suspended_at IS NULL`,
};
