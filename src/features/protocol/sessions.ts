// Sessions, keyed by uid: found by the hash of the cookie value, merged when two tabs save at once, and dead once ended.
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Proof } from '../authentication/assurance.js';
import { holdPeople } from '../users/user-rows.js';
import { handleHash, type Payload, withoutHandle } from './handles.js';
import { type AccountRow, ProtocolRequest } from './request.js';
import { SessionEndings } from './session-endings.js';
import { type Home, homeHere } from './session-home.js';
import { comparable, openSession, sealState } from './session-payload.js';
import { type Authorizations, sidsOf, type TellClients } from './signed-out.js';
import * as statements from './statements.js';

export type SessionEnd =
  | 'logout'
  | 'revoked'
  | 'moved'
  | 'password_changed'
  | 'factors_removed'
  | 'account_ended'
  | 'connection_ended';

export class SessionEnded extends Error {
  constructor() {
    super('the session has ended');
    this.name = 'SessionEnded';
  }
}

interface FoundSession {
  uid: string;
  payload: Payload;
  expires_at: Date;
  retiring: boolean;
  handles: string[];
  proofs: Proof[] | null;
  home_ip: string | null;
  home_user_agent: string | null;
  account: AccountRow | null;
}

const homeOf = ({ home_ip, home_user_agent }: Pick<FoundSession, 'home_ip' | 'home_user_agent'>): Home | undefined =>
  home_ip === null ? undefined : { addresses: home_ip.split(' '), userAgent: home_user_agent };

/** A session is written again when nothing changed only after this long, to move its idle end. */
const touchEveryMs = 60_000;

export class Sessions {
  private readonly endings: SessionEndings;

  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly handleGraceSeconds: number,
    private readonly signedOut: TellClients,
  ) {
    this.endings = new SessionEndings(db, audit, clock, signedOut);
  }

  /** @returns the payload with the handle it was asked for as `jti`, and `proofs`, the ledger; or undefined. */
  async find(request: ProtocolRequest, handle: string): Promise<Payload | undefined> {
    const [row] = await this.db.execute<FoundSession>(statements.findSession, [
      currentTenantId(),
      handleHash('Session', handle),
      this.clock.now(),
    ]);
    if (!row) return undefined;
    const payload = openSession(this.sealer, row);
    if (row.account) request.accounts.set(row.account.id, row.account);
    request.sessionsByUid.set(row.uid, payload);
    request.session = {
      uid: row.uid,
      json: comparable(payload),
      exp: payload.exp ?? 0,
      loginTs: payload.loginTs as number | undefined,
      authorizations: (payload.authorizations ?? {}) as Authorizations,
      hadState: payload.state !== undefined,
      handles: row.handles,
      retiring: row.retiring,
      home: homeOf(row),
    };
    return { ...structuredClone(payload), jti: handle };
  }

  /** Read-only: without a handle nothing found this way can be saved as another. */
  async findByUid(request: ProtocolRequest, uid: string): Promise<Payload | undefined> {
    if (!request.sessionsByUid.has(uid)) {
      const [row] = await this.db.execute<FoundSession>(statements.findSessionByUid, [
        currentTenantId(),
        uid,
        this.clock.now(),
      ]);
      request.sessionsByUid.set(uid, row && openSession(this.sealer, row));
      request.homes.set(uid, row && homeOf(row));
    }
    return request.sessionsByUid.get(uid);
  }

  /** True when saving would write what is stored already. */
  isUnchanged(request: ProtocolRequest, payload: Payload, exp: number): boolean {
    const loaded = request.session;
    if (!payload.accountId && !payload.state && !payload.authorizations) return true;
    if (!loaded || loaded.uid !== payload.uid || loaded.retiring || request.rotatedFrom) return false;
    return loaded.json === comparable(payload) && (exp - loaded.exp) * 1000 < touchEveryMs;
  }

  /**
   * @throws SessionEnded when the session was ended meanwhile: it stays dead.
   * @returns false when the handle was retired by an authentication in another tab, so that the browser must keep its newer one.
   */
  async save(request: ProtocolRequest, handle: string, payload: Payload): Promise<boolean> {
    const loaded = request.session?.uid === payload.uid ? request.session : undefined;
    // Two sign-ins within one second have the same loginTs.
    const authenticated = payload.accountId !== undefined && (request.signedIn || payload.loginTs !== loaded?.loginTs);
    const write = () => this.write(request, handle, payload, authenticated);
    const begins = authenticated && loaded?.loginTs === undefined;
    const sids = sidsOf(loaded?.authorizations ?? {}, payload.authorizations as Authorizations | undefined);
    if (!begins && Object.keys(sids).length === 0) return write();
    const { uid: sessionUid, accountId } = { uid: String(payload.uid), accountId: String(payload.accountId) };
    return this.db.transaction(async () => {
      const alive = await write();
      // Signed out of an application, and not of here.
      await this.signedOut([{ sessionUid, accountId, sids }]);
      if (begins) {
        const amr = (payload.amr ?? []) as string[];
        await this.audit.record('session.started', { session_id: sessionUid, user_id: accountId, amr });
      }
      return alive;
    });
  }

  /** The session was used where the engine is not asked: noted at most once a minute. */
  async touch(uid: string): Promise<void> {
    const { ip = null, userAgent = null } = currentContext() ?? {};
    const now = this.clock.now();
    const before = new Date(now.getTime() - touchEveryMs);
    await this.db.execute(statements.touchSession, [currentTenantId(), uid, now, ip, userAgent, before]);
  }

  /** Ends a session, and the grants made in it unless they outlive it (offline_access). Ending it twice is once. */
  end(request: ProtocolRequest, uid: string, reason: SessionEnd): Promise<void> {
    request.sessionsByUid.set(uid, undefined);
    return this.endings.end([uid], reason);
  }

  /** @throws AppError 404 where there is no such live session. */
  async endKnown(request: ProtocolRequest, uid: string, reason: SessionEnd): Promise<void> {
    if (!(await this.findByUid(request, uid))) throw notFound('session');
    await this.end(request, uid, reason);
  }

  /** @throws AppError 404 for a session of somebody else as for none. */
  async endOwn(accountId: string, uid: string, reason: SessionEnd): Promise<void> {
    const request = new ProtocolRequest();
    if ((await this.findByUid(request, uid))?.accountId !== accountId) throw notFound('session');
    await this.end(request, uid, reason);
  }

  /**
   * Ends all sessions of an account, but one where asked. What was proved before begins none any more, so that a sign-in on its way ends too.
   * @returns how many.
   */
  endAll(accountId: string, reason: SessionEnd, exceptUid?: string): Promise<number> {
    return this.db.transaction(async () => {
      await this.db.execute(statements.endProofs, [currentTenantId(), accountId, this.clock.now()]);
      const rows = (await this.db.manager.query(
        'SELECT uid FROM sessions WHERE tenant_id = $1 AND account_id = $2 AND ended_at IS NULL AND uid IS DISTINCT FROM $3',
        [currentTenantId(), accountId, exceptUid ?? null],
      )) as { uid: string }[];
      const uids = rows.map(({ uid }) => uid);
      await this.endings.end(uids, reason);
      await this.endings.endImpersonations(accountId, reason);
      return uids.length;
    });
  }

  /**
   * Those that stood on something that has ended, of one person or of many. A sign-in of theirs that is on its way, and may have been about to begin
   * another, ends too. @returns how many there were.
   */
  endStanding(uids: readonly string[], accountIds: readonly string[], reason: SessionEnd): Promise<number> {
    return this.db.transaction(async () => {
      await holdPeople(this.db, accountIds);
      await this.db.execute(statements.endProofsOfMany, [currentTenantId(), accountIds, this.clock.now()]);
      await this.endings.end(uids, reason);
      return uids.length;
    });
  }

  private async write(
    request: ProtocolRequest,
    handle: string,
    payload: Payload,
    authenticated: boolean,
  ): Promise<boolean> {
    const now = this.clock.now();
    const loaded = request.session?.uid === payload.uid ? request.session : undefined;
    const { state, proofs: _kept, ...rest } = withoutHandle(payload);
    const authorizations = (payload.authorizations ?? {}) as Authorizations;
    const hash = handleHash('Session', handle);
    // A new id at sign-in and step-up ends every older one; otherwise another tab may still be on its way with the previous id.
    const retire = authenticated
      ? (loaded?.handles ?? []).map((hex) => Buffer.from(hex, 'hex')).filter((old) => !old.equals(hash))
      : request.rotatedFrom
        ? [handleHash('Session', request.rotatedFrom)]
        : [];
    const context = currentContext();
    const [row] = await this.db.execute<{ handle_retired: boolean }>(statements.saveSession, [
      currentTenantId(),
      payload.uid,
      payload.accountId ?? null,
      payload.loginTs ?? null,
      {
        ...rest,
        authorizations,
        ...(state ? { state: sealState(this.sealer, payload.uid, state) } : {}),
      },
      context?.ip ?? null,
      context?.userAgent ?? null,
      now,
      new Date((payload.exp ?? 0) * 1000),
      (loaded?.hadState ?? false) && state === undefined,
      Object.keys(loaded?.authorizations ?? {}).filter((clientId) => !(clientId in authorizations)),
      new Date(now.getTime() + (authenticated ? 0 : this.handleGraceSeconds * 1000)),
      retire,
      hash,
      authenticated ? homeHere(context ?? {}, loaded?.home).join(' ') : null,
      (authenticated && request.provedSince) || null,
      request.standsOn ?? null,
      request.proofs ? JSON.stringify(request.proofs) : null,
      loaded?.moved ?? false,
    ]);
    if (!row) throw new SessionEnded();
    return !row.handle_retired;
  }
}
