// What one account has allowed to applications, as its owner sees it and takes it back.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import { type Consent, together } from './consent.js';
import type { Grants } from './grants.js';

export interface OwnGrant {
  clientId: string;
  consent: Consent;
  since: Date;
}

interface Row {
  clientId: string;
  consents: Consent[];
  since: Date;
}

export class OwnGrants {
  constructor(
    private readonly db: Database,
    private readonly grants: Pick<Grants, 'endAll'>,
    private readonly clock: Clock,
  ) {}

  /** One for each application, also where it is only remembered until the next sign-in. */
  async of(accountId: string): Promise<OwnGrant[]> {
    const rows = await this.db.execute<Row>(LIST, [currentTenantId(), accountId, this.clock.now()]);
    return rows.map(({ clientId, consents, since }) => ({ clientId, since, consent: consents.reduce(together, {}) }));
  }

  /** Every token of the application ends, and what was agreed to is forgotten. @throws AppError 404 where nothing was allowed. */
  async revoke(accountId: string, clientId: string): Promise<void> {
    if ((await this.grants.endAll({ accountId, clientId }, 'revoked')) === 0) throw notFound('application');
  }
}

// Whatever has not ended gives tokens, and what was agreed to last is remembered until the next sign-in: it holds whatever was agreed to before it. What was
// agreed to before something was taken back counts no more (grantOfSession).
const LIST = {
  name: 'protocol_own_grants',
  text: `
    SELECT counted.client_id AS "clientId", min(counted.created_at) AS since,
           jsonb_agg(DISTINCT jsonb_build_object('openid', counted.payload -> 'openid', 'resources', counted.payload -> 'resources'))
             FILTER (WHERE counted.ended_at IS NULL OR counted.place = 1) AS consents
      FROM (
        SELECT g.client_id, g.created_at, g.ended_at, g.payload,
               row_number() OVER (PARTITION BY g.client_id, g.organization_id, g.origin = 'consent' ORDER BY g.created_at DESC) AS place
          FROM grants g
         WHERE g.tenant_id = $1 AND g.account_id = $2 AND g.expires_at > $3
           AND g.origin <> 'impersonation' AND (g.ended_at IS NULL OR g.end_reason = 'logout' AND g.origin = 'consent')
           AND (g.origin <> 'consent' OR NOT EXISTS (
                 SELECT 1 FROM grants r
                  WHERE r.tenant_id = $1 AND r.account_id = $2 AND r.client_id = g.client_id AND r.origin = 'consent'
                    AND r.organization_id IS NOT DISTINCT FROM g.organization_id
                    AND r.end_reason <> 'logout' AND r.ended_at >= g.created_at))) counted
     GROUP BY counted.client_id
     ORDER BY counted.client_id LIMIT 200`,
};
