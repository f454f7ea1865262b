// Owns what relying parties are told of sessions that ended (OpenID Connect Back-Channel Logout 1.0): noted in the transaction of the end, told by
// the worker, again and again until the relying party has said that it knows.
// Hands off to: the outbox (platform/jobs.ts), logout-token.ts, and platform/egress.ts, the only way out.
import { Not } from 'typeorm';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { type Egress, EgressError } from '../../platform/egress.js';
import { conflict, notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Client } from '../clients/client.entity.js';
import { subjectAt } from '../clients/pairwise.js';
import type { KeyService } from '../keys/key.service.js';
import type { SignedOut } from '../protocol/signed-out.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { LogoutNotice } from './logout-notice.entity.js';
import { logoutToken } from './logout-token.js';

export const LOGOUT_TASK = 'logout.deliver';
export const DeliverLogout = z.strictObject({ notice_id: z.uuid(), client_id: z.string() });
type DeliverLogout = z.infer<typeof DeliverLogout>;

/** The outbox: joins the surrounding transaction. */
export interface LogoutOutbox {
  enqueueAll(task: string, payloads: readonly object[]): Promise<void>;
}

/** A receiver that has said nothing is not waited for again at once: whoever stands behind it goes first. */
const SILENCE_MS = 10_000;
const MOST_SILENT = 1000;

export class LogoutNotices {
  /** Of this process: client → when it is called again. */
  private readonly silent = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly outbox: LogoutOutbox,
    private readonly audit: Pick<AuditLog, 'record'>,
    private readonly clock: Clock,
    private readonly tenants: Pick<TenantService, 'current' | 'issuerOf' | 'secrets'>,
    private readonly keys: Pick<KeyService, 'signingKeys'>,
    private readonly egress: Pick<Egress, 'fetch'>,
  ) {}

  /** In the transaction in which they end; no request waits for a relying party. Each sign-in at a client that wants to know is noted once. */
  async add(ended: readonly SignedOut[]): Promise<void> {
    const entries = ended.flatMap(({ sessionUid, accountId, sids }) =>
      Object.entries(sids).map(([client_id, sid]) => ({
        id: newId(),
        client_id,
        sid,
        session_uid: sessionUid,
        account_id: accountId,
      })),
    );
    if (entries.length === 0) return;
    const noted = await this.db.execute<DeliverLogout>(NOTE, [
      currentTenantId(),
      JSON.stringify(entries),
      this.clock.now(),
    ]);
    // In one order, whoever else ends sessions at the same clients: each has a queue of its own.
    noted.sort((one, other) => (one.client_id < other.client_id ? -1 : 1));
    if (noted.length > 0) await this.outbox.enqueueAll(LOGOUT_TASK, noted);
  }

  /**
   * The job. Safe to run twice: whoever was told is not told again.
   * @param last nobody tries again after this: the notice is given up, and stays to be looked into.
   * @throws Error naming the reason, so that it is tried later.
   */
  async deliver({ notice_id: id }: DeliverLogout, last = false): Promise<void> {
    const notice = await this.db.repo(LogoutNotice).findOneBy({ id });
    if (!notice || notice.status === 'delivered') return;
    // Disabled or not: to be told takes something away from a client and gives it nothing. Who was deleted has no address any more.
    const client = await this.db.repo(Client).findOneBy({ clientId: notice.clientId });
    const uri = client?.metadata.backchannel_logout_uri;
    if (!client || !uri) return this.giveUp(notice, 'no_receiver');
    if (!last && this.isSilent(notice.clientId)) throw new Error('the relying party did not answer a moment ago');
    const reason = await this.tell(notice, client, uri);
    if (!reason) return this.delivered(notice);
    // The notice stays to be looked into, and no dead job: what relying parties do is nothing that the operator can mend.
    if (last) return this.giveUp(notice, reason);
    await this.write(notice, { status: 'queued', attempts: notice.attempts + 1, lastError: reason });
    throw new Error(`the relying party was not told: ${reason}`);
  }

  async find(id: string): Promise<LogoutNotice> {
    const notice = await this.db.repo(LogoutNotice).findOneBy({ id });
    if (!notice) throw notFound('logout notice');
    return notice;
  }

  /** Once more from the first attempt. @throws AppError 409 unless it was given up. */
  retry({ id, clientId }: LogoutNotice): Promise<LogoutNotice> {
    return this.db.transaction(async () => {
      // One statement: of two who ask at once, one does it.
      const changed = await this.db
        .repo(LogoutNotice)
        .update({ id, status: 'failed' }, { status: 'queued', lastError: null });
      if (changed === 0) throw conflict('logout_not_failed', 'Only a notice that was given up is sent again');
      await this.outbox.enqueueAll(LOGOUT_TASK, [{ notice_id: id, client_id: clientId }]);
      await this.audit.record('logout.retried', { notice_id: id });
      return this.find(id);
    });
  }

  /** Of all tenants: how many wait, and how many were given up. */
  async open(): Promise<{ queued: number; failed: number }> {
    const rows = await this.db.execute<{ status: 'queued' | 'failed'; count: number }>(OPEN, []);
    return { queued: 0, failed: 0, ...Object.fromEntries(rows.map(({ status, count }) => [status, count])) };
  }

  /** One attempt. @returns why it failed, in a word: the relying party's own words are not repeated. */
  private async tell({ clientId, accountId, sid }: LogoutNotice, client: Client, uri: string) {
    const tenant = await this.tenants.current();
    const { private: keys } = await this.keys.signingKeys(currentTenantId());
    const key = keys.find(({ alg }) => alg === client.metadata.id_token_signed_response_alg);
    if (!key) return 'no_key';
    const claims = {
      iss: this.tenants.issuerOf(tenant),
      aud: clientId,
      sub: subjectAt(client.metadata, this.tenants.secrets(tenant).pairwiseSalt, accountId),
      ...(client.metadata.backchannel_logout_session_required ? { sid } : {}),
    };
    const body = new URLSearchParams({ logout_token: await logoutToken(claims, key, this.clock.now()) });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    try {
      // §2.8: 200 says that it is done; many frameworks make 204 of it.
      const { status } = await this.egress.fetch(uri, { method: 'POST', headers, body: String(body) });
      this.silent.delete(silenceKey(clientId));
      return status === 200 || status === 204 ? undefined : `http ${status}`;
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      if (error.code === 'timeout') this.keepAway(clientId);
      return error.code;
    }
  }

  private delivered(notice: LogoutNotice): Promise<void> {
    const { clientId: client_id, sessionUid: session_id, accountId: user_id } = notice;
    const attempts = notice.attempts + 1;
    return this.db.transaction(async () => {
      const change = { status: 'delivered' as const, attempts, lastError: null, deliveredAt: this.clock.now() };
      if (await this.write(notice, change))
        await this.audit.record('logout.delivered', { client_id, session_id, user_id, attempts });
    });
  }

  private giveUp(notice: LogoutNotice, reason: string): Promise<void> {
    const { clientId: client_id, sessionUid: session_id, accountId: user_id } = notice;
    return this.db.transaction(async () => {
      if (await this.write(notice, { status: 'failed', attempts: notice.attempts + 1, lastError: reason }))
        await this.audit.record('logout.given_up', { client_id, session_id, user_id, reason });
    });
  }

  /** What another process has delivered meanwhile stays delivered. */
  private async write({ id }: LogoutNotice, change: Partial<LogoutNotice>): Promise<boolean> {
    return (await this.db.repo(LogoutNotice).update({ id, status: Not('delivered' as const) }, change)) > 0;
  }

  private isSilent(clientId: string): boolean {
    return (this.silent.get(silenceKey(clientId)) ?? 0) > this.clock.now().getTime();
  }

  private keepAway(clientId: string): void {
    if (this.silent.size >= MOST_SILENT) this.silent.clear();
    this.silent.set(silenceKey(clientId), this.clock.now().getTime() + SILENCE_MS);
  }
}

const silenceKey = (clientId: string) => `${currentTenantId()}:${clientId}`;

/** Of two tabs of which one signs out of a client and the other goes on there, the sid lives on, and its end has to be told again. */
const NOTE = {
  name: 'logout_note',
  text: `
    INSERT INTO logout_notices (tenant_id, id, client_id, session_uid, sid, account_id, created_at)
    SELECT $1::uuid, n.id, n.client_id, n.session_uid, n.sid, n.account_id, $3::timestamptz
      FROM jsonb_to_recordset($2::jsonb) AS n (id uuid, client_id text, session_uid text, sid text, account_id uuid)
      JOIN clients c ON c.tenant_id = $1::uuid AND c.client_id = n.client_id AND c.metadata ? 'backchannel_logout_uri'
    ON CONFLICT (tenant_id, client_id, sid) DO UPDATE SET status = 'queued', last_error = NULL, delivered_at = NULL, attempts = 0, created_at = excluded.created_at
      WHERE logout_notices.status <> 'queued'
    RETURNING id AS notice_id, client_id`,
};

const OPEN = {
  name: 'logout_open',
  text: `SELECT status, count(*)::int AS count FROM logout_notices WHERE status <> 'delivered' GROUP BY status`,
};
