// Why a request was refused, step by step, so that whoever runs the application can be told. Holds no secret: names of checks, no values.
import { randomInt } from 'node:crypto';
import type { Clock } from '../../platform/clock.js';
import { currentContext, currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';

export interface TraceStep {
  step: string;
  outcome: 'passed' | 'failed';
  detail?: string;
}

export interface Refusal {
  endpoint: string;
  clientId?: string | undefined;
  error: string;
  description?: string | undefined;
  steps: TraceStep[];
}

export class Traces {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** @returns the id to show, short enough to be read aloud: XXXX-XXXX. */
  async keep({ endpoint, clientId, error, description, steps }: Refusal): Promise<string> {
    const id = `${word()}-${word()}`;
    await this.db.manager.query(
      `INSERT INTO traces (tenant_id, id, client_id, endpoint, error, description, steps, request_id, occurred_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
      [
        currentTenantId(),
        id,
        clientId ?? null,
        endpoint,
        error,
        description ?? null,
        JSON.stringify(steps),
        currentContext()?.requestId ?? null,
        this.clock.now(),
      ],
    );
    return id;
  }
}

/** Crockford's base 32: no letter that looks like a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const word = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('');
