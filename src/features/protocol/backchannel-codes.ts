// What applications poll for (OpenID Connect CIBA §10): the engine's row, given its answer by whoever has decided (features/backchannel-requests).
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { type Retention, RowForm } from './engine-row-form.js';
import type { EngineRows } from './engine-rows.js';
import type { Payload } from './handles.js';
import { ProtocolRequest } from './request.js';
import { statement } from './statements.js';

const kind = 'BackchannelAuthenticationRequest';

/** How the person proved who they are, for the ID token (OpenID Connect Core §2). */
export interface Proof {
  acr: string | undefined;
  amr: string[];
  /** NumericDate. */
  authTime: number;
}

export class BackchannelCodes {
  private readonly form: RowForm;

  constructor(
    private readonly db: Database,
    sealer: Sealer,
    private readonly clock: Clock,
    retention: Retention,
    private readonly rows: EngineRows,
  ) {
    this.form = new RowForm(sealer, retention);
  }

  /** In a transaction: nobody fetches or changes it until that has committed. @returns undefined where it is over, or the client is disabled. */
  async hold(hash: Buffer): Promise<Payload | undefined> {
    const [row] = await this.db.execute<{ sealed_payload: string }>(holdRow, [
      currentTenantId(),
      hash,
      this.clock.now(),
    ]);
    return row && this.form.open(kind, row.sealed_payload);
  }

  approve(payload: Payload, grantId: string, { acr, amr, authTime }: Proof): Promise<void> {
    return this.save({ ...payload, grantId, acr, amr, authTime });
  }

  /** @param errorDescription under the name that the engine reads; it would write another. */
  refuse(payload: Payload, error: string, errorDescription: string): Promise<void> {
    return this.save({ ...payload, error, errorDescription });
  }

  private save(payload: Payload): Promise<void> {
    return this.rows.save(new ProtocolRequest(), { kind, handle: String(payload.jti), payload });
  }
}

const holdRow = statement(
  'protocol_hold_backchannel_request',
  `SELECT r.sealed_payload FROM engine_rows r
     JOIN clients c ON c.tenant_id = r.tenant_id AND c.client_id = r.client_id AND c.disabled_at IS NULL
    WHERE r.tenant_id = $1 AND r.handle_hash = $2 AND r.kind = '${kind}' AND r.consumed_at IS NULL AND r.expires_at > $3
      FOR UPDATE OF r`,
);
