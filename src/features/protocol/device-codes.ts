// Requests of devices (RFC 8628): found by the code that somebody types, taken up by one browser, decided once.
// What they are made of, and how they are spent, is as with all rows (engine-rows.ts).
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type Consent, partOf } from './consent.js';
import * as statements from './device-statements.js';
import { type Retention, RowForm } from './engine-row-form.js';
import type { EngineRows } from './engine-rows.js';
import type { Grants } from './grants.js';
import { handleHash, type Payload } from './handles.js';
import { ProtocolRequest } from './request.js';

const kind = 'DeviceCode';

/** Somebody else has taken it up or decided it meanwhile, or its time is over. */
export class DeviceCodeTaken extends Error {
  constructor() {
    super('the code was used before, or has expired');
    this.name = 'DeviceCodeTaken';
  }
}

const WAITING = 0;
const TAKEN_UP = 1;
const DECIDED = 2;

export class DeviceCodes {
  private readonly form: RowForm;

  constructor(
    private readonly db: Database,
    sealer: Sealer,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    retention: Retention,
    private readonly rows: EngineRows,
    private readonly grants: Pick<Grants, 'find' | 'giveApart' | 'holds'>,
  ) {
    this.form = new RowForm(sealer, retention);
  }

  /** @returns the payload with its handle, or undefined. */
  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    const hashes = this.form.userCodeHashes(userCode);
    const [row] = await this.db.execute<{ sealed_payload: string | null; consumed_at: Date | null }>(
      statements.findUserCode,
      [currentTenantId(), hashes, this.clock.now()],
    );
    if (!row?.sealed_payload || row.consumed_at) return undefined;
    return this.form.open(kind, row.sealed_payload);
  }

  /** @throws DeviceCodeTaken where another browser was first. */
  async save(request: ProtocolRequest, handle: string, payload: Payload): Promise<void> {
    const stage = stageOf(payload);
    if (stage === WAITING) return this.rows.save(request, { kind, handle, payload });
    request.rows.delete(`${kind}\0${handle}`);
    await this.db.transaction(async () => {
      const decided = stage === DECIDED ? await this.withGrant(payload) : payload;
      await this.advance(handle, decided, stage);
      if (stage === DECIDED) await this.record(decided);
    });
  }

  /**
   * What a device is given stands on a grant of its own, with what it has asked for: a code that comes twice ends that, and nothing of the browser in
   * which somebody agreed.
   * @throws DeviceCodeTaken where what they agreed to has been taken back meanwhile.
   */
  private async withGrant(payload: Payload): Promise<Payload> {
    const { accountId, clientId, grantId, scope, claims, resource, error } = payload;
    // What could not be saved as approved is saved as refused, with all that was there.
    if (error || !accountId || !grantId) return payload;
    const agreed = (await this.grants.find(new ProtocolRequest(), grantId)) as (Payload & Consent) | undefined;
    const { id_token, userinfo } = (claims ?? {}) as { id_token?: object; userinfo?: object };
    const given =
      agreed &&
      (await this.grants.giveApart(
        {
          accountId,
          clientId: String(clientId),
          origin: 'device',
          organization: agreed.organizationId,
          until: agreed.organizationId && agreed.exp ? new Date(agreed.exp * 1000) : undefined,
        },
        partOf(agreed, {
          scope: String(scope ?? ''),
          claims: [...Object.keys(id_token ?? {}), ...Object.keys(userinfo ?? {})],
          resources: [resource ?? []].flat().map(String),
        }),
      ));
    // Whoever takes it back holds the account first, as giving does: from here on it is there, or gone.
    if (!given || !(await this.grants.holds(grantId))) throw new DeviceCodeTaken();
    return { ...payload, grantId: String(given.jti) };
  }

  /** What was read is one stage behind: of two who read the same, the second changes nothing. */
  private async advance(handle: string, payload: Payload, stage: number): Promise<void> {
    const before = stage === DECIDED && payload.inFlight ? TAKEN_UP : WAITING;
    const columns = this.form.columns({ kind, handle, payload });
    const rows = await this.db.execute(statements.advanceDevice, [
      currentTenantId(),
      handleHash(kind, handle),
      columns.sealed_payload,
      columns.account_id,
      columns.grant_id,
      columns.session_uid,
      before,
      stage,
      this.clock.now(),
    ]);
    if (rows.length === 0) throw new DeviceCodeTaken();
  }

  private record({ clientId, accountId, grantId, error }: Payload): Promise<void> {
    const client_id = String(clientId);
    if (accountId && grantId && !error)
      return this.audit.record('device_code.approved', { client_id, user_id: accountId, grant_id: grantId });
    return this.audit.record('device_code.denied', { client_id, reason: String(error) });
  }
}

const stageOf = ({ accountId, error, inFlight }: Payload): number => {
  if (accountId || error) return DECIDED;
  return inFlight ? TAKEN_UP : WAITING;
};
