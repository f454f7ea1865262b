// Owns looking again at what an identity provider had sent, with the settings of today. Hands off to: the doors, each of which knows how to read what
// it had received; nothing is begun, spent or remembered by it.
import type { Database } from '../../platform/database.js';
import { conflict, notFound } from '../../platform/errors.js';
import type { Trace } from '../traces/trace.entity.js';
import type { Traces } from '../traces/traces.js';
import type { Check } from './check.js';
import { Connection } from './connection.entity.js';
import type { ConnectionKind } from './connection.settings.js';

/** Of one kind of connection: everything that is checked, as if it had come then. */
export type Validate = (connection: Connection, message: string, receivedAt: Date) => Promise<Check[]>;

export class TraceValidation {
  private readonly doors = new Map<ConnectionKind, Validate>();

  constructor(
    private readonly db: Database,
    private readonly traces: Traces,
  ) {}

  /** Said by the door when it is built. */
  by(kind: ConnectionKind, validate: Validate): void {
    this.doors.set(kind, validate);
  }

  /** @throws AppError 409 where nothing was kept that could be looked at, 404 where the connection is gone. */
  async of(trace: Trace): Promise<{ outcome: 'passed' | 'failed'; checks: Check[] }> {
    const message = this.traces.recordedOf(trace)?.message;
    const connection = trace.connectionId && (await this.db.repo(Connection).findOneBy({ id: trace.connectionId }));
    if (trace.kind === 'sign_in' && !connection) throw notFound('connection');
    const validate = connection ? this.doors.get(connection.kind) : undefined;
    if (!connection || !validate || message === undefined)
      throw conflict(
        'nothing_to_validate',
        'What was received then was not kept, or is of no kind that can be looked at again',
      );
    const checks = await validate(connection, message, trace.occurredAt);
    return { outcome: checks.every(({ passed }) => passed) ? 'passed' : 'failed', checks };
  }
}
