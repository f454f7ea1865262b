// One try to tell an endpoint of one event: what is sent, what came back, and what follows from that.
// Hands off to: platform/egress.ts, the only way out; webhook-failures.ts, what a failure means for the endpoint.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { type Egress, EgressError } from '../../platform/egress.js';
import { AuditEvent } from '../audit/audit-event.entity.js';
import { bodyOf } from './webhook-body.js';
import type { Claimed } from './webhook-claims.js';
import type { DeliveryAttempt, DeliveryStatus } from './webhook-delivery.entity.js';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';
import type { WebhookFailures } from './webhook-failures.js';
import { nextAttemptAt } from './webhook-retries.js';
import type { WebhookSecrets } from './webhook-secrets.js';
import { signedHeaders } from './webhook-signature.js';

/** Of an answer, as much as helps to find out what is wrong over there. */
const ANSWER_BYTES = 1024;
/** Of attempts, the last ones are kept. */
const LOG_LENGTH = 20;

type Outcome = Pick<DeliveryAttempt, 'status' | 'error' | 'answer'>;

export class WebhookAttempts {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly secrets: Pick<WebhookSecrets, 'of'>,
    private readonly egress: Pick<Egress, 'fetch'>,
    private readonly failures: Pick<WebhookFailures, 'succeeded' | 'failed' | 'gone'>,
  ) {}

  /** @param hurry aborted when the process goes: the attempt does not count. */
  async make(claimed: Claimed, hurry: AbortSignal): Promise<void> {
    const { endpoint_id: id, event_id } = claimed;
    const endpoint = await this.db.repo(WebhookEndpoint).findOneBy({ id });
    if (!endpoint?.enabledAt) return this.giveBack(claimed);
    const event = await this.db.repo(AuditEvent).findOneBy({ id: event_id });
    const started = performance.now();
    const outcome = event ? await this.send(endpoint, event, hurry) : notRecorded;
    if (!outcome) return this.giveBack(claimed);
    const { attempt } = claimed;
    const entry = {
      at: this.clock.now().toISOString(),
      attempt,
      duration_ms: Math.round(performance.now() - started),
      ...outcome,
    };
    if (outcome.error === null) {
      if (await this.write(claimed, 'delivered', entry)) await this.failures.succeeded(endpoint);
      return;
    }
    const next = event && outcome.status !== GONE ? nextAttemptAt(this.clock.now(), attempt, Math.random()) : undefined;
    if (!(await this.write(claimed, next ? 'queued' : 'dead', entry, next)) || !event) return;
    if (outcome.status === GONE) await this.failures.gone(endpoint);
    else await this.failures.failed(endpoint);
  }

  /** As though it had not been taken. */
  async giveBack({ endpoint_id, event_id, attempt }: Claimed): Promise<void> {
    await this.db.execute(GIVE_BACK, [currentTenantId(), endpoint_id, event_id, attempt, this.clock.now()]);
  }

  /** @returns undefined where there was no time for it. */
  private async send(endpoint: WebhookEndpoint, event: AuditEvent, hurry: AbortSignal): Promise<Outcome | undefined> {
    const body = bodyOf(event, endpoint);
    const now = this.clock.now();
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Ostiary-Webhooks',
      ...signedHeaders(this.secrets.of(endpoint, now), event.id, now, body),
    };
    try {
      const init = { method: 'POST', headers, body, first: ANSWER_BYTES, signal: hurry };
      const response = await this.egress.fetch(endpoint.url, init);
      const { status } = response;
      const answer = storable(await response.text());
      return { status, error: response.ok ? null : `http ${status}`, answer };
    } catch (error) {
      if (hurry.aborted) return undefined;
      if (!(error instanceof EgressError)) throw error;
      return { status: null, error: error.code, answer: '' };
    }
  }

  /** @returns false where it is no longer ours: it took too long, and somebody else has it, or an administrator has asked for it anew. */
  private async write(claimed: Claimed, status: DeliveryStatus, entry: DeliveryAttempt, next?: Date): Promise<boolean> {
    const { endpoint_id, event_id, attempt } = claimed;
    const rows = await this.db.execute(WRITE, [
      currentTenantId(),
      endpoint_id,
      event_id,
      attempt,
      status,
      JSON.stringify([entry]),
      next ?? this.clock.now(),
      status === 'queued' ? null : this.clock.now(),
      LOG_LENGTH,
    ]);
    return rows.length > 0;
  }
}

const GONE = 410;

/** The record was emptied, or its time is over: there is nothing left to tell. */
const notRecorded: Outcome = { status: null, error: 'event_gone', answer: '' };

/** PostgreSQL keeps no NUL in text; what else cannot be shown is nobody's help. */
const storable = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]|\p{Cs}/gu, '');

const MINE = `tenant_id = $1 AND endpoint_id = $2 AND event_id = $3 AND status = 'queued' AND attempts = $4`;

const GIVE_BACK = {
  name: 'webhooks_give_back',
  text: `UPDATE webhook_deliveries SET attempts = attempts - 1, next_at = $5 WHERE ${MINE}`,
};

const WRITE = {
  name: 'webhooks_write',
  text: `
    UPDATE webhook_deliveries SET status = $5, next_at = $7, done_at = $8,
           log = CASE WHEN jsonb_array_length(log) >= $9::int THEN log - 0 ELSE log END || $6::jsonb
     WHERE ${MINE} RETURNING 1`,
};
