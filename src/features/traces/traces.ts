// Owns why a request was refused: kept when it happens, read by whoever administers the tenant, never by the client. Names of checks lie open;
// values that were seen are sealed. Hands off to oidc/explanations, which knows what each refusal means.
import { randomInt } from 'node:crypto';
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { notFound } from '../../platform/errors.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { Recorded } from './recording.js';
import { Trace, type TraceOutcome, type TraceStep } from './trace.entity.js';

export type Value = string | number | boolean | string[];

/** One check that failed: what was sent, what is registered, and what to change. */
export interface Finding {
  check: string;
  advice: string;
  /** Which setting makes it right; null where the request itself has to be another. */
  setting: string | null;
  seen: Record<string, Value>;
  registered: Record<string, Value>;
}

export interface Refusal {
  endpoint: string;
  clientId?: string | undefined;
  error: string;
  description?: string | undefined;
  steps: TraceStep[];
  findings: Finding[];
}

/** A sign-in at an identity provider, as far as it has come. */
export interface SignInTrace {
  connectionId: string;
  outcome: TraceOutcome;
  /** A stable code, where it was refused. */
  reason?: string | undefined;
  userId?: string | undefined;
  recorded: Recorded;
  expiresAt: Date;
}

export class Traces {
  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  /** @param id what the client and the person were told. */
  async keep(id: string, { endpoint, clientId, error, description, steps, findings }: Refusal): Promise<void> {
    const tenantId = currentTenantId();
    await this.db.manager.query(
      `INSERT INTO traces (tenant_id, id, client_id, endpoint, error, description, steps, findings_sealed, request_id, occurred_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
      [
        tenantId,
        id,
        clientId ?? null,
        endpoint,
        error,
        description ?? null,
        JSON.stringify(steps),
        this.sealer.seal(JSON.stringify(findings), sealContext(tenantId, id)),
        currentContext()?.requestId ?? null,
        this.clock.now(),
      ],
    );
  }

  /** Written again as it goes on: each time whole. */
  async keepSignIn(
    id: string,
    { connectionId, outcome, reason, userId, recorded, expiresAt }: SignInTrace,
  ): Promise<void> {
    const tenantId = currentTenantId();
    const steps = recorded.checks.map(
      ({ check, passed }): TraceStep => ({ step: check, outcome: passed ? 'passed' : 'failed' }),
    );
    await this.db.execute(KEEP_SIGN_IN, [
      ...[tenantId, id, reason ?? '', JSON.stringify(steps), outcome, connectionId, userId ?? null],
      this.sealer.seal(JSON.stringify(recorded), recordingContext(tenantId, id)),
      ...[currentContext()?.requestId ?? null, this.clock.now(), expiresAt],
    ]);
  }

  async find(id: string): Promise<Trace> {
    const trace = TRACE_ID.test(id) ? await this.db.repo(Trace).findOneBy({ id }) : undefined;
    if (!trace) throw notFound('trace');
    return trace;
  }

  /** None where it was kept before there were any. */
  findingsOf({ id, findingsSealed }: Trace): Finding[] {
    if (!findingsSealed) return [];
    return JSON.parse(this.sealer.open(findingsSealed, sealContext(currentTenantId(), id))) as Finding[];
  }

  recordedOf({ id, recordingSealed }: Trace): Recorded | undefined {
    if (!recordingSealed) return undefined;
    return JSON.parse(this.sealer.open(recordingSealed, recordingContext(currentTenantId(), id))) as Recorded;
  }
}

/** Crockford's base 32: no letter that looks like a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const word = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('');

/** What is shown: short enough to be read aloud. */
export const newTraceId = (): string => `${word()}-${word()}`;
export const TRACE_ID: RegExp = /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/;

const sealContext = (tenantId: string, id: string) => `traces:${tenantId}:${id}:findings`;

const recordingContext = (tenantId: string, id: string) => `traces:${tenantId}:${id}:recording`;

const KEEP_SIGN_IN = {
  name: 'trace_keep_sign_in',
  text: `
    INSERT INTO traces (tenant_id, id, kind, endpoint, error, steps, outcome, connection_id, user_id, recording_sealed, request_id, occurred_at, expires_at)
    VALUES ($1, $2, 'sign_in', 'federation', $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (tenant_id, id) DO UPDATE
       SET error = excluded.error, steps = excluded.steps, outcome = excluded.outcome, user_id = excluded.user_id,
           recording_sealed = excluded.recording_sealed
     WHERE traces.kind = 'sign_in'`,
};

export const sealedRecordings: SealedColumn = {
  table: 'traces',
  column: 'recording_sealed',
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => recordingContext(String(tenant_id), String(id)),
};

export const sealedFindings: SealedColumn = {
  table: 'traces',
  column: 'findings_sealed',
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id)),
};
