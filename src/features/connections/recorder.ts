// Owns what is kept of each sign-in at an identity provider, believed or not: for whoever administers the tenant, never for whoever signs in. Hands off
// to: Traces, which seals it; the audit log, which knows that it was refused and why.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { TenantService } from '../tenants/tenant.service.js';
import { masked, type Recorded, type Recording } from '../traces/recording.js';
import { Trace } from '../traces/trace.entity.js';
import type { Traces } from '../traces/traces.js';
import type { Check } from './check.js';
import type { Asked, Held, Refused } from './federated-sign-in.js';
import type { Mapped } from './mapping.js';
import type { UpstreamIdentity } from './upstream-identity.js';

const dayMs = 86_400_000;
const MOST_KEPT = 131_072;
/** Of one attribute: enough to see what it is. */
const MOST_VALUES = 50;

/** What has become of it here. */
export interface Became {
  mapping: Mapped;
  decision: NonNullable<Recording['decision']>;
  result?: Recording['result'];
  /** Why nobody came in. */
  reason?: string | undefined;
  userId?: string | undefined;
}

export class Recorder {
  constructor(
    private readonly db: Database,
    private readonly traces: Traces,
    private readonly audit: AuditLog,
    private readonly tenants: Pick<TenantService, 'current'>,
    private readonly clock: Clock,
  ) {}

  /** An answer was believed. @param message what was received. */
  async held(held: Held, message?: string): Promise<void> {
    const recorded = { ...begun(held.asked, held.checks), identity: identityOf(held.identity), message };
    await this.keep(held.trace, held.connection.id, 'pending', recorded);
  }

  /** One event, one trace. */
  refused(
    trace: string,
    connectionId: string,
    { reason, checks, message, asked }: Omit<Refused, 'answered'> & { asked?: Asked | undefined },
  ): Promise<void> {
    return this.db.transaction(async () => {
      await this.keep(trace, connectionId, 'refused', { ...begun(asked, checks), message }, { reason });
      await this.audit.record('federation.refused', { connection_id: connectionId, reason, trace_id: trace });
    });
  }

  /** In the transaction in which somebody comes in by it, or does not. */
  async became({ trace, connection, asked, checks, identity }: Held, became: Became): Promise<void> {
    const { mapping, decision, result, reason, userId } = became;
    const { message } = (await this.recordedOf(trace)) ?? {};
    const recorded: Recorded = {
      ...begun(asked, checks),
      identity: identityOf(identity),
      mapping: mappingOf(mapping),
      decision,
      ...(result ? { result } : {}),
      message,
    };
    await this.keep(trace, connection.id, reason ? 'refused' : 'succeeded', recorded, { reason, userId });
    if (reason)
      await this.audit.record('federation.refused', {
        connection_id: connection.id,
        reason,
        trace_id: trace,
        ...(userId ? { user_id: userId } : {}),
      });
  }

  private async recordedOf(trace: string): Promise<Recorded | undefined> {
    const found = await this.db.repo(Trace).findOneBy({ id: trace });
    return found ? this.traces.recordedOf(found) : undefined;
  }

  private async keep(
    trace: string,
    connectionId: string,
    outcome: 'refused' | 'pending' | 'succeeded',
    recorded: Recorded,
    more: { reason?: string | undefined; userId?: string | undefined } = {},
  ): Promise<void> {
    const { trace_days: days } = (await this.tenants.current()).settings.federation;
    const expiresAt = new Date(this.clock.now().getTime() + days * dayMs);
    // What is longer than any answer should be is not worth its place.
    const kept = (recorded.message?.length ?? 0) > MOST_KEPT ? { ...recorded, message: undefined } : recorded;
    await this.traces.keepSignIn(trace, { connectionId, outcome, recorded: kept, expiresAt, ...more });
  }
}

/** Where nobody had asked, the identity provider began, or somebody who knows nothing of either. */
function begun(asked: Asked | undefined, checks: Check[]): Recording {
  const { purpose = 'unsolicited', discovery, prompt, max_age, acr, login_hint } = asked ?? {};
  return {
    ...(discovery === undefined ? {} : { discovery }),
    request: {
      purpose,
      ...(prompt === undefined ? {} : { prompt }),
      ...(max_age === undefined ? {} : { max_age }),
      ...(acr === undefined ? {} : { acr }),
      login_hint: login_hint !== undefined,
    },
    checks,
  };
}

function identityOf({ subject, attributes, authenticated_at, acr, amr, session, tokens }: UpstreamIdentity) {
  return {
    subject: masked(subject),
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, values]) => [name, values.slice(0, MOST_VALUES).map(masked)]),
    ),
    ...(authenticated_at === undefined ? {} : { authenticated_at }),
    ...(acr === undefined ? {} : { acr }),
    ...(amr === undefined ? {} : { amr }),
    session: session !== undefined,
    tokens: tokens !== undefined,
  };
}

/** Groups as they are: they are what settings name. */
const mappingOf = ({ email, emailVerified, claims, groups, dropped }: Mapped): NonNullable<Recording['mapping']> => ({
  ...(email === undefined ? {} : { email: masked(email) }),
  email_verified: emailVerified,
  claims: Object.keys(claims),
  groups: groups.slice(0, 200),
  dropped,
});
