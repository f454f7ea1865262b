// Grants of people wait while the tenant is closed for maintenance. Which grant is asked for is known once the client has shown who it is.
import type { IncomingMessage } from 'node:http';
import { errors } from 'oidc-provider';
import type { Closure } from '../features/tenants/tenant.entity.js';
import type { EngineContext } from './engine-types.js';

export interface GrantsInMaintenance {
  /** Why the tenant of the context is closed; undefined where it is open. */
  current(): Promise<Closure | undefined>;
  secondsLeft(closure: Closure): number;
  goesOn(grantType: string): boolean;
  turnedAway(req: IncomingMessage): void;
}

/** @throws TemporarilyUnavailable 503: nothing is spent, and the client may come again with the same code or token. */
export async function admitGrant(
  maintenance: GrantsInMaintenance,
  ctx: EngineContext,
  grantType: string,
): Promise<void> {
  if (maintenance.goesOn(grantType)) return;
  const closure = await maintenance.current();
  if (!closure) return;
  maintenance.turnedAway(ctx.req);
  ctx.set('Retry-After', String(maintenance.secondsLeft(closure)));
  const description = 'this is closed for maintenance';
  throw Object.assign(new errors.TemporarilyUnavailable(description), {
    error_description: description,
    status: 503,
    statusCode: 503,
  });
}
