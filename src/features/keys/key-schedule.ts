// The recurring job: finds the tenants whose signing keys have reached the end of a part of their life, and has each tended.
// Safe in any number of processes: what is to be done is asked again under the tenant's lock.
import { signingKeyLife } from '../../../config/protocol.js';
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { Logger } from '../../platform/logger.js';
import { readSettings } from '../tenants/tenant.schema.js';
import type { KeyService } from './key.service.js';

export class KeySchedule {
  constructor(
    private readonly db: Database,
    private readonly keys: Pick<KeyService, 'tend'>,
    private readonly clock: Clock,
    private readonly logger: Pick<Logger, 'error'>,
  ) {}

  /** One tenant's trouble is not that of the others. @param signal ends it between two tenants. */
  async run(signal?: AbortSignal): Promise<void> {
    for (const tenantId of await this.due()) {
      if (signal?.aborted) return;
      try {
        await this.keys.tend(tenantId);
      } catch (error) {
        this.logger.error('the signing keys of a tenant could not be tended', { tenant: tenantId, error });
      }
    }
  }

  private async due(): Promise<string[]> {
    const { rotation_days, algorithms } = readSettings({}).signing_keys;
    const rows = await this.db.execute<{ tenant_id: string }>(due, [
      this.clock.now(),
      rotation_days,
      JSON.stringify(algorithms),
      signingKeyLife.publishedAfter,
      signingKeyLife.believedAfter,
    ]);
    return rows.map(({ tenant_id }) => tenant_id);
  }
}

const due = {
  name: 'signing_keys_due',
  text: `
    WITH policies AS (
      SELECT id, COALESCE((settings -> 'signing_keys' ->> 'rotation_days')::int, $2::int) AS days,
             COALESCE(settings -> 'signing_keys' -> 'algorithms', $3::jsonb)
               || COALESCE(settings -> 'signing_keys' -> 'encryption_algorithms', '[]') AS algorithms
        FROM tenants WHERE deleting_at IS NULL)
    SELECT k.tenant_id FROM signing_keys k JOIN policies p ON p.id = k.tenant_id
     WHERE (k.status = 'current' AND p.days > 0 AND k.status_since <= $1::timestamptz - make_interval(days => p.days))
        OR (k.status = 'previous' AND k.status_since <= $1::timestamptz - make_interval(secs => $4))
        OR (k.status = 'retired' AND k.status_since <= $1::timestamptz - make_interval(secs => $5))
        OR (k.status IN ('current', 'next') AND NOT p.algorithms ? k.alg)
        OR (k.status = 'current' AND NOT EXISTS (
             SELECT FROM signing_keys n WHERE n.tenant_id = k.tenant_id AND n.alg = k.alg AND n.status = 'next'))
     GROUP BY k.tenant_id ORDER BY min(k.status_since)`,
};
