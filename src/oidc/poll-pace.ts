// How often a program may ask whether somebody has decided (RFC 8628 §3.5, OpenID Connect CIBA §11): faster gets nothing sooner.
import { errors } from 'oidc-provider';
import { polling } from '../../config/protocol.js';
import { AppError } from '../platform/errors.js';
import type { Limiter, RateLimits } from '../platform/rate-limit.js';
import { currentEngineContext } from './adapter.js';

/** What is polled for: a request that waits for somebody. */
interface Waiting {
  clientId?: string;
  error?: string;
  consumed?: unknown;
  isExpired?: boolean;
}

interface WaitingModel {
  find(handle: string, options?: object): Promise<Waiting | undefined>;
}

export const pollLimiter = (
  rateLimits: RateLimits,
  name: string,
  polls: { points: number; seconds: number },
): Limiter =>
  // RFC 8628 §3.5: five seconds more than before, of which one is let pass as always.
  rateLimits.limiter({ name, ...polls, blockSeconds: 2 * polls.seconds + 1 });

/**
 * Before anything is spent, and after the client has proved who it is: another one slows nobody down. What has been approved waits as well, or asking
 * all the time would be rewarded; a refusal and an end are told at once.
 */
export function pacePolls(model: object, limiter: Limiter): void {
  const waiting = model as WaitingModel;
  const find = waiting.find;
  waiting.find = async function (handle, options) {
    const found = await find.call(this, handle, options);
    const ctx = currentEngineContext();
    if (!found || ctx?.oidc?.route !== 'token' || found.clientId !== ctx.oidc.client?.clientId) return found;
    if (!found.error && !found.consumed && !found.isExpired) await take(limiter, handle);
    return found;
  };
}

async function take(limiter: Limiter, handle: string): Promise<void> {
  try {
    await limiter.consume(handle);
  } catch (error) {
    if (error instanceof AppError && error.status === 429)
      throw new errors.SlowDown(`wait ${polling.interval} seconds more than before between two requests`);
    throw error;
  }
}
