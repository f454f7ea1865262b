// Telling a client that its request was decided (OpenID Connect CIBA §10.2): noted in the transaction of the decision, told by the worker.
// Hands off to: the outbox (platform/jobs.ts), platform/egress.ts, the only way out.
import { z } from 'zod';
import type { Database } from '../../platform/database.js';
import { type Egress, EgressError } from '../../platform/egress.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Client } from '../clients/client.entity.js';
import type { BackchannelCodes } from '../protocol/backchannel-codes.js';
import { BackchannelRequest } from './backchannel-request.entity.js';

export const PING_TASK = 'backchannel_requests.ping';
export const PingClient = z.strictObject({ request_id: z.uuid(), client_id: z.string() });
type PingClient = z.infer<typeof PingClient>;

/** The outbox: joins the surrounding transaction. */
export interface PingOutbox {
  enqueueAll(task: string, payloads: readonly object[]): Promise<void>;
}

export class BackchannelPings {
  constructor(
    private readonly db: Database,
    private readonly outbox: PingOutbox,
    private readonly codes: Pick<BackchannelCodes, 'hold'>,
    private readonly audit: Pick<AuditLog, 'record'>,
    private readonly egress: Pick<Egress, 'fetch'>,
  ) {}

  /** Nobody is called while a person waits; a client that polls is not called at all. */
  async add({ id, clientId }: BackchannelRequest): Promise<void> {
    if (!(await this.endpointOf(clientId))) return;
    await this.outbox.enqueueAll(PING_TASK, [{ request_id: id, client_id: clientId }]);
  }

  /**
   * The job. Told twice is harmless: the client asks, and gets what there is to get once (§10.2).
   * @throws Error naming the reason, so that it is tried later; what is over needs no word any more.
   */
  async deliver({ request_id: id, client_id: clientId }: PingClient, last = false): Promise<void> {
    const request = await this.db.repo(BackchannelRequest).findOneBy({ id });
    const endpoint = await this.endpointOf(clientId);
    const payload = request && (await this.codes.hold(request.requestHash));
    const token = (payload?.params as { client_notification_token?: unknown } | undefined)?.client_notification_token;
    if (!endpoint || !payload?.jti || typeof token !== 'string') return;
    const reason = await this.tell(endpoint, token, payload.jti);
    if (!reason) return;
    if (!last) throw new Error(`the client was not told: ${reason}`);
    // The client may still poll; what clients do is nothing that the operator can mend.
    await this.audit.record('backchannel_request.ping_given_up', { request_id: id, client_id: clientId, reason });
  }

  private async endpointOf(clientId: string): Promise<string | undefined> {
    const client = await this.db.repo(Client).findOneBy({ clientId });
    if (!client || client.disabledAt || client.metadata.backchannel_token_delivery_mode !== 'ping') return undefined;
    return client.metadata.backchannel_client_notification_endpoint;
  }

  /** @returns why it failed, in a word. §10.2: 200 and 204 are good, redirects are not followed. */
  private async tell(endpoint: string, token: string, handle: string): Promise<string | undefined> {
    try {
      const { status } = await this.egress.fetch(endpoint, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ auth_req_id: handle }),
      });
      return status === 200 || status === 204 ? undefined : `http ${status}`;
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      return error.code;
    }
  }
}
