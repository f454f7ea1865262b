// Owns the end of clients that registered themselves and were never given a token: anybody may make them, so they must not stay (RFC 7591 §5). A client
// whose document described it is found anew when it comes again, so that a day is enough. Hands off to: RegisteredClients, with which everything ends.
import type { Clock } from '../../../platform/clock.js';
import { currentTenantId, withContext } from '../../../platform/context.js';
import type { Database, Statement } from '../../../platform/database.js';
import { settingNames } from '../client.metadata.js';
import type { ClientLookup } from '../client-lookup.js';
import type { RegisteredClients } from '../registered-clients.js';

export const UNUSED_TASK = 'clients.unused';

const DAYS = 30;
const DOCUMENT_DAYS = 1;
const batch = 100;

export class UnusedClients {
  constructor(
    private readonly db: Database,
    private readonly registered: Pick<RegisteredClients, 'delete'>,
    private readonly lookup: ClientLookup,
    private readonly clock: Clock,
  ) {}

  /** It was given a token: once in its life that is written down. */
  async used(clientId: string): Promise<void> {
    await this.db.transaction(async () => {
      const rows = await this.db.execute(markUsed, [currentTenantId(), clientId, this.clock.now()]);
      if (rows.length > 0) await this.lookup.changed(clientId);
    });
  }

  /** The job, over all tenants; those of a suspended tenant wait. May stop anywhere and run twice. @returns how many clients went. */
  async end(signal?: AbortSignal): Promise<number> {
    const now = this.clock.now();
    let gone = 0;
    for (let due: Due[] = []; ; ) {
      const last = due.at(-1);
      due = (await this.db.manager.query(DUE, [
        now,
        last?.created_at ?? null,
        last?.client_id ?? null,
        batch,
      ])) as Due[];
      for (const { tenant_id: tenantId, client_id } of due) {
        if (signal?.aborted) return gone;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        if (await withContext(context, () => this.endOne(client_id, now))) gone += 1;
      }
      if (due.length < batch) return gone;
    }
  }

  /** @returns false where it was used, or another process was here, a moment ago. */
  private endOne(clientId: string, now: Date): Promise<boolean> {
    return this.db.transaction(async () => {
      if ((await this.db.execute(holdUnused, [currentTenantId(), clientId, now])).length === 0) return false;
      await this.registered.delete(clientId);
      return true;
    });
  }
}

interface Due {
  tenant_id: string;
  client_id: string;
  created_at: string;
}

/**
 * Whom an administrator has disabled stays: made anew, it would not be. Likewise a document's client of which one has said what its document cannot
 * say, such as its profile.
 */
const unused = (now: string) => `
  c.dynamic AND c.used_at IS NULL AND c.disabled_at IS NULL
  AND (c.created_at < ${now}::timestamptz - interval '${DAYS} days'
    OR c.document_expires_at < ${now}::timestamptz - interval '${DOCUMENT_DAYS} days')
  AND NOT (c.document_expires_at IS NOT NULL AND c.metadata ?| ARRAY['${settingNames.join("', '")}'])`;

// The time as text, because a Date has no microseconds: the walk would stand still.
const DUE = `
  SELECT c.tenant_id, c.client_id, c.created_at::text AS created_at
    FROM clients c JOIN tenants t ON t.id = c.tenant_id
   WHERE ${unused('$1')} AND t.suspended_at IS NULL AND t.deleting_at IS NULL
     AND ($2::timestamptz IS NULL OR (c.created_at, c.client_id) > ($2::timestamptz, $3::text))
   ORDER BY c.created_at, c.client_id LIMIT $4`;

const holdUnused: Statement = {
  name: 'clients_hold_unused',
  text: `SELECT c.client_id FROM clients c WHERE c.tenant_id = $1 AND c.client_id = $2 AND ${unused('$3')} FOR UPDATE`,
};

const markUsed: Statement = {
  name: 'clients_mark_used',
  text: `UPDATE clients SET used_at = $3 WHERE tenant_id = $1 AND client_id = $2 AND used_at IS NULL RETURNING client_id`,
};
