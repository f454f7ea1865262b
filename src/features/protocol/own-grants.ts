// What one account has allowed to applications, as its owner sees it and takes it back.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { Consent } from './consent.js';
import type { Grants } from './grants.js';

export interface OwnGrant {
  clientId: string;
  consent: Consent;
  since: Date;
}

export class OwnGrants {
  constructor(
    private readonly db: Database,
    private readonly grants: Pick<Grants, 'endAll'>,
    private readonly clock: Clock,
  ) {}

  /** One for each application, also where it is only remembered until the next sign-in. */
  of(accountId: string): Promise<OwnGrant[]> {
    return this.db.execute<OwnGrant>(LIST, [currentTenantId(), accountId, this.clock.now()]);
  }

  /** Every token of the application ends, and what was agreed to is forgotten. @throws AppError 404 where nothing was allowed. */
  async revoke(accountId: string, clientId: string): Promise<void> {
    if ((await this.grants.endAll({ accountId, clientId }, 'revoked')) === 0) throw notFound('application');
  }
}

// The newest holds whatever was agreed to before it; what was agreed to before something was taken back counts no more (grantOfSession).
const LIST = {
  name: 'protocol_own_grants',
  text: `
    SELECT DISTINCT ON (g.client_id) g.client_id AS "clientId", g.payload AS consent,
           min(g.created_at) OVER (PARTITION BY g.client_id) AS since
      FROM grants g
     WHERE g.tenant_id = $1 AND g.account_id = $2 AND g.expires_at > $3 AND (g.ended_at IS NULL OR g.end_reason = 'logout' AND g.origin = 'consent')
       AND (g.origin <> 'consent' OR NOT EXISTS (
             SELECT 1 FROM grants r
              WHERE r.tenant_id = $1 AND r.account_id = $2 AND r.client_id = g.client_id AND r.origin = 'consent'
                AND r.end_reason <> 'logout' AND r.ended_at >= g.created_at))
     ORDER BY g.client_id, g.created_at DESC LIMIT 200`,
};
