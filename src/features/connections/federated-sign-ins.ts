// Owns sign-ins that are under way at an identity provider, from the page that asks for one to the browser that comes back: each step once, each value
// that a browser carries as a hash. Hands off to: the doors of the protocols in between, Provisioning afterwards, Recorder for what became of it.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId, randomToken, type Sealer, sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { AppError, badRequest } from '../../platform/errors.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import { newTraceId } from '../traces/traces.js';
import type { Check } from './check.js';
import { Connection } from './connection.entity.js';
import type { Answered, Asked, Binding, Held, Kept, Refused, Started, Unsolicited } from './federated-sign-in.js';
import * as rows from './federated-sign-in-rows.js';
import type { Recorder } from './recorder.js';
import { UpstreamIdentity } from './upstream-identity.js';

/** For each way: there, and afterwards here. */
const TTL_MS = 15 * 60_000;

interface Sealed {
  asked: Asked;
  kept?: Kept;
  identity?: UpstreamIdentity;
  checks?: Check[];
}

export class FederatedSignIns {
  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly recorder: Pick<Recorder, 'held' | 'refused'>,
    private readonly issuer: () => Promise<string>,
  ) {}

  /** @returns where to send the browser; the handle in it is good once. */
  async begin(
    connection: Pick<Connection, 'id' | 'kind'>,
    { binding, ...asked }: Asked & { binding: Binding },
  ): Promise<{ handle: string; location: string }> {
    const handle = randomToken();
    await this.insert('begun', connection, { asked }, { handle, binding });
    const location = `${await this.issuer()}${doorOf(connection)}/${connection.id}/login?handle=${handle}`;
    return { handle, location };
  }

  /** @throws AppError 400, whatever is wrong with it. */
  async start(connectionId: string, handle: string): Promise<Started> {
    const started = await this.step(rows.START, [connectionId, sha256(handle)]);
    if (!started) throw invalidHandle();
    return started;
  }

  /** @returns `state` (RFC 6749 §4.1.1), or RelayState (SAML Bindings §3.4.3): its hash is stored. @throws AppError 400 where it was sent already. */
  async sent({ id, asked }: Started, kept: Kept): Promise<{ state: string }> {
    const state = randomToken();
    const sealed = this.seal(id, { asked, kept });
    if (!(await this.step(rows.SENT, [id, sha256(state), sealed]))) throw invalidHandle();
    return { state };
  }

  /** @returns undefined where nothing of this connection waits for it: unknown, used, expired, another's, disabled. */
  async answered(connectionId: string, state: string): Promise<Answered | undefined> {
    const found = await this.step(rows.ANSWERED, [connectionId, sha256(state)]);
    return found && { ...found, kept: found.kept ?? {} };
  }

  /**
   * The answer was believed.
   * @param message what was received, sealed with the trace.
   * @returns where to send the browser; the handle in it is good once, in the browser that asked.
   * @throws AppError 400 where the identity cannot be kept, or the connection takes nobody any more: both are recorded.
   */
  async hold(
    from: Answered | Unsolicited,
    identity: UpstreamIdentity,
    checks: Check[],
    message?: string,
  ): Promise<string> {
    const { connection } = from;
    const answered = 'asked' in from ? from : undefined;
    const believed = readIdentity(identity);
    if (!believed) return this.refused(connection.id, { reason: 'identity_invalid', checks, message, answered });
    const handle = randomToken();
    const held = await this.db.transaction(async () => {
      const row = answered
        ? await this.holdAnswered(answered, believed, checks, handle)
        : await this.holdUnsolicited(from as Unsolicited, believed, checks, handle);
      if (row) await this.recorder.held(row, message);
      return row;
    });
    if (!held) return this.refused(connection.id, { reason: 'connection_disabled', checks, message, answered });
    const { back } = held.asked;
    return `${await this.issuer()}${back}${back.includes('?') ? '&' : '?'}handle=${handle}`;
  }

  /** The answer was not believed: nothing began. @returns what the page calls it. */
  refuse(connectionId: string, { answered, ...why }: Refused): Promise<{ trace: string }> {
    return this.db.transaction(async () => {
      if (answered) await this.db.execute(rows.CLOSE, [currentTenantId(), answered.id]);
      const trace = answered?.trace ?? newTraceId();
      await this.recorder.refused(trace, connectionId, { ...why, asked: answered?.asked });
      return { trace };
    });
  }

  /** Once, and only in the browser that asked. @throws AppError 400 */
  async redeem(handle: string, binding: Binding): Promise<Held> {
    const until = new Date(this.clock.now().getTime() + TTL_MS);
    const held = asHeld(await this.step(rows.REDEEM, [sha256(handle), hashOf(binding), until]));
    if (!held) throw invalidHandle();
    return held;
  }

  /** Whether it would be redeemed now. */
  async waits(connectionId: string, handle: string, binding: Binding): Promise<boolean> {
    const values = [currentTenantId(), this.clock.now(), connectionId, sha256(handle), hashOf(binding)];
    return (await this.db.execute(rows.WAITS, values)).length > 0;
  }

  /** As it was redeemed, while nobody has come in by it yet: for the requests in which somebody proves an account of theirs. */
  async resume(id: string, binding: Binding): Promise<Held | undefined> {
    return asHeld(await this.step(rows.RESUME, [id, hashOf(binding)]));
  }

  private async holdAnswered(
    answered: Answered,
    identity: UpstreamIdentity,
    checks: Check[],
    handle: string,
  ): Promise<Held | undefined> {
    const { id, asked, connection } = answered;
    const sealed = this.seal(id, { asked, identity, checks });
    const held = await this.step(rows.HOLD, [id, sha256(handle), ...hashesOf(connection, identity), sealed]);
    return held && { ...held, identity, checks };
  }

  private async holdUnsolicited(
    { connection, binding, back }: Unsolicited,
    identity: UpstreamIdentity,
    checks: Check[],
    handle: string,
  ): Promise<Held | undefined> {
    if (!connection.enabled) return undefined;
    const asked: Asked = { purpose: 'idp_initiated', back };
    const { id, trace } = await this.insert('held', connection, { asked, identity, checks }, { handle, binding });
    return { id, trace, connection, asked, identity, checks };
  }

  private async insert(
    state: rows.SignInState,
    connection: Pick<Connection, 'id'>,
    values: Sealed,
    { handle, binding }: { handle: string; binding: Binding },
  ): Promise<{ id: string; trace: string }> {
    const { back, purpose } = values.asked;
    if (!/^\/[^/\\]/.test(back)) throw new Error('a browser comes back to a path of this issuer');
    const [id, trace, now] = [newId(), newTraceId(), this.clock.now()];
    await this.db.execute(rows.INSERT, [
      ...[currentTenantId(), id, connection.id, purpose, state, sha256(handle), hashOf(binding)],
      ...hashesOf(connection, values.identity),
      ...[this.seal(id, values), trace, now, new Date(now.getTime() + TTL_MS)],
    ]);
    return { id, trace };
  }

  private async step(
    statement: typeof rows.START,
    values: unknown[],
  ): Promise<(Started & Omit<Sealed, 'asked'>) | undefined> {
    const [row] = await this.db.execute<rows.SignInRow>(statement, [currentTenantId(), this.clock.now(), ...values]);
    const connection = row && (await this.db.repo(Connection).findOneBy({ id: row.connection_id }));
    if (!row || !connection) return undefined;
    const text = this.sealer.open(row.sealed, sealContext(currentTenantId(), row.id));
    return { ...(JSON.parse(text) as Sealed), id: row.id, trace: row.trace_id, connection };
  }

  private async refused(connectionId: string, why: Refused): Promise<never> {
    const { trace } = await this.refuse(connectionId, why);
    throw refusedWith(trace);
  }

  private seal(id: string, values: Sealed): string {
    return this.sealer.seal(JSON.stringify(values), sealContext(currentTenantId(), id));
  }
}

/** The page about it names the trace, and nothing else. */
export const refusedWith = (trace: string) =>
  new AppError(400, 'federation_refused', `This sign-in could not be completed (${trace})`, { members: { trace } });

const invalidHandle = () => badRequest('invalid_handle', 'This sign-in does not go on. Please start again');

const doorOf = ({ kind }: Pick<Connection, 'kind'>): string => (kind === 'saml' ? '/saml' : '/federation');
const hashOf = ({ kind, id }: Binding): string => sha256(`${kind}\0${id}`);

/** For whoever says that it has ended over there. */
const hashesOf = ({ id }: Pick<Connection, 'id'>, identity?: UpstreamIdentity): (string | null)[] =>
  identity ? [rows.subjectHash(id, identity.subject), rows.sessionHash(id, identity.session?.index)] : [null, null];

const asHeld = (found: (Started & Omit<Sealed, 'asked'>) | undefined): Held | undefined =>
  found?.identity && { ...found, identity: found.identity, checks: found.checks ?? [] };

/** It is looked up by index, byte by byte. @returns undefined where it is none that could be. */
function readIdentity(given: UpstreamIdentity): UpstreamIdentity | undefined {
  const { success, data } = UpstreamIdentity.safeParse(given);
  if (!success || Buffer.byteLength(data.subject) > 1024) return undefined;
  return /[\p{Cc}\p{Cs}]/u.test(`${data.subject}${data.session?.index ?? ''}`) ? undefined : data;
}

const sealContext = (tenantId: string, id: string) => `federated_sign_ins:${tenantId}:${id}:sealed`;

export const sealedFederatedSignIns: SealedColumn = {
  table: 'federated_sign_ins',
  column: 'sealed',
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id)),
};
