// Tokens, codes, requests and interactions: found by the hash of their handle, spent by one conditional statement.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { isShortLived, type Retention, RowForm } from './engine-row-form.js';
import { handleHash, type Payload } from './handles.js';
import type { PendingRow, ProtocolRequest } from './request.js';
import { type FoundRow, RowStore } from './row-store.js';
import type { ShortLivedRows } from './short-lived-rows.js';
import * as statements from './statements.js';

/** A single-use artefact was spent before: by whom is for the caller to find out. */
export class AlreadyConsumed extends Error {
  constructor(
    readonly kind: string,
    readonly grantId: string | undefined,
  ) {
    super(`${kind} was used before`);
    this.name = 'AlreadyConsumed';
  }
}

export class EngineRows {
  private readonly store: RowStore;
  private readonly form: RowForm;

  constructor(
    private readonly db: Database,
    sealer: Sealer,
    private readonly clock: Clock,
    retention: Retention,
    private readonly shortLived: ShortLivedRows | undefined,
  ) {
    this.store = new RowStore(db, clock);
    this.form = new RowForm(sealer, retention);
  }

  /**
   * @param siblings kinds to look for in the same statement: a token to be introspected may be any of three.
   * @returns the payload with its handle put back as `jti`, or undefined.
   */
  find(
    request: ProtocolRequest,
    kind: string,
    handle: string,
    siblings: readonly string[] = [kind],
  ): Promise<Payload | undefined> {
    const key = (one: string) => `${one}\0${handle}`;
    const known = request.rows.get(key(kind));
    if (known) return known;
    const store = this.storeOf(kind);
    if (store) return this.findShortLived(store, request, kind, handle);

    const kinds = siblings.includes(kind) ? siblings : [kind];
    const found = this.load(request, kinds, handle);
    for (const one of kinds)
      request.rows.set(
        key(one),
        found.then((rows) => rows.get(one)),
      );
    return request.rows.get(key(kind)) as Promise<Payload | undefined>;
  }

  async save(request: ProtocolRequest, row: PendingRow): Promise<void> {
    request.rows.delete(`${row.kind}\0${row.handle}`);
    const store = this.storeOf(row.kind);
    if (store) {
      const { retain_until } = this.form.columns(row);
      return store.save(row.kind, row.handle, this.form.seal(row.kind, row.payload), retain_until ?? this.clock.now());
    }
    if (request.collecting) return request.collect(row);
    const c = this.form.columns(row);
    await this.db.execute(statements.saveRow, [
      currentTenantId(),
      Buffer.from(c.handle_hash, 'hex'),
      c.kind,
      c.client_id,
      c.account_id,
      c.grant_id,
      c.session_uid,
      c.payload,
      c.sealed_payload,
      c.user_code_hash ? Buffer.from(c.user_code_hash, 'hex') : null,
      c.expires_at,
      c.retain_until,
    ]);
  }

  /** @throws AlreadyConsumed when somebody else was first. */
  async consume(request: ProtocolRequest, kind: string, handle: string): Promise<void> {
    const payload = (await request.rows.get(`${kind}\0${handle}`)) ?? {};
    if (request.collecting) return request.collectConsume({ kind, handle, payload });
    if (await this.storeOf(kind)?.consume(kind, handle)) return;
    // What is spent is saved once, so it is in one place only, and there one caller is first.
    const rows = await this.db.execute(statements.consumeRow, [
      currentTenantId(),
      handleHash(kind, handle),
      this.clock.now(),
    ]);
    if (rows.length === 0) throw new AlreadyConsumed(kind, payload.grantId);
  }

  async destroy(request: ProtocolRequest, kind: string, handle: string): Promise<void> {
    request.rows.delete(`${kind}\0${handle}`);
    await this.storeOf(kind)?.destroy(kind, handle);
    // In both: begun while Redis was away and gone on with later, an older state of it must not come back.
    await this.db.execute(statements.deleteRow, [currentTenantId(), handleHash(kind, handle)]);
  }

  /** Redis for what is short-lived, while it is there; the database for everything else. */
  private storeOf(kind: string): ShortLivedRows | undefined {
    return isShortLived(kind) && this.shortLived?.up ? this.shortLived : undefined;
  }

  /**
   * Writes what one token request collected, in one statement: the code or refresh token is spent and its successors exist, or nothing happened.
   * @param answer the response, kept sealed for the same refresh token coming again within so many seconds.
   * @throws AlreadyConsumed when somebody else was first; nothing has been written then.
   */
  async flush(request: ProtocolRequest, answer?: { text: string; seconds: number }): Promise<void> {
    const { rows, consume } = request.takeUnit();
    if (!consume) {
      if (rows.length > 0) await this.store.insert(rows.map((row) => this.form.columns(row)));
      return;
    }
    const records = JSON.stringify(rows.map((row) => this.form.columns(row)));
    const hash = handleHash(consume.kind, consume.handle);
    const now = this.clock.now();
    const [result] = await this.db.execute<{ consumed: number }>(statements.exchangeRow, [
      currentTenantId(),
      records,
      hash,
      now,
      answer ? this.form.sealAnswer(hash, answer.text) : null,
      answer ? new Date(now.getTime() + answer.seconds * 1000) : null,
    ]);
    if (result?.consumed !== 1) throw new AlreadyConsumed(consume.kind, consume.payload.grantId);
  }

  /** What the refresh token was answered with when it was exchanged, as long as its grace window lasts. */
  async earlierAnswer(handle: string): Promise<string | undefined> {
    const hash = handleHash('RefreshToken', handle);
    const [row] = await this.db.execute<{ sealed_answer: string }>(statements.readAnswer, [
      currentTenantId(),
      hash,
      this.clock.now(),
    ]);
    return row && this.form.openAnswer(hash, row.sealed_answer);
  }

  private async load(
    request: ProtocolRequest,
    kinds: readonly string[],
    handle: string,
  ): Promise<Map<string, Payload>> {
    const hashes = kinds.map((kind) => handleHash(kind, handle));
    const rows = await this.store.read(hashes);
    const found = new Map<string, Payload>();
    for (const row of rows) {
      remember(request, row);
      const payload = row.sealed_payload ? this.form.open(row.kind, row.sealed_payload) : (row.payload ?? {});
      found.set(row.kind, { ...payload, jti: handle, ...this.consumption(request, handle, row) });
    }
    return found;
  }

  /** A refresh token exchanged within the grace window is shown as unspent, so that the engine itself makes all its checks first. */
  private consumption(request: ProtocolRequest, handle: string, row: FoundRow): { consumed?: number } {
    if (!row.consumed_at) return {};
    if (row.kind === 'RefreshToken' && row.sealed_answer && row.answer_until && row.answer_until > this.clock.now()) {
      request.earlierAnswer = this.form.openAnswer(handleHash(row.kind, handle), row.sealed_answer);
      return {};
    }
    return { consumed: Math.floor(row.consumed_at.getTime() / 1000) };
  }

  /** What is not there may have been begun while Redis was away. */
  private async findShortLived(
    store: ShortLivedRows,
    request: ProtocolRequest,
    kind: string,
    handle: string,
  ): Promise<Payload | undefined> {
    const row = await store.find(kind, handle);
    if (!row) return (await this.load(request, [kind], handle)).get(kind);
    return { ...this.form.open(kind, row.sealed), jti: handle, ...(row.consumed ? { consumed: row.consumed } : {}) };
  }
}

function remember(request: ProtocolRequest, row: FoundRow): void {
  if (row.account_id) request.accounts.set(row.account_id, row.account ?? undefined);
  if (row.grant_id) request.grants.set(row.grant_id, Promise.resolve(grantPayload(row)));
  if (row.session_uid) {
    const live = row.session_payload && row.session_expires_at;
    request.sessionsByUid.set(
      row.session_uid,
      live ? { ...row.session_payload, exp: seconds(row.session_expires_at) } : undefined,
    );
  }
}

function grantPayload(row: FoundRow): Payload | undefined {
  if (!row.grant_payload || !row.grant_id) return undefined;
  const { grant_organization_id: organization } = row;
  return {
    ...row.grant_payload,
    jti: row.grant_id,
    exp: seconds(row.grant_expires_at),
    ...(organization ? { organizationId: organization } : {}),
  };
}

const seconds = (date: Date | null): number => Math.floor((date?.getTime() ?? 0) / 1000);
