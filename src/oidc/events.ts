// Engine events → metrics and log lines. Nothing is audited here: events come after the write and nobody waits for them.
import type { EventEmitter } from 'node:events';
import type { Provider } from 'oidc-provider';
import { databaseError } from '../platform/database-errors.js';
import { AppError } from '../platform/errors.js';
import type { Logger } from '../platform/logger.js';
import type { CounterHandle } from '../platform/metrics.js';
import type { EngineContext, EngineError } from './engine-types.js';
import { isNotYet, refusals } from './routes.js';

export interface EngineMetrics {
  tokensIssued: CounterHandle<'grant_type'>;
  engineErrors: CounterHandle<'endpoint' | 'error'>;
}

/** Requests that were refused, and are to be made again. */
const askedAgain = new WeakSet<object>();

/** What somebody else shows to a client that is known by now is no guess of the client's: its address does not pay for it. */
export const isShownByOthers = (req: object): void => void askedAgain.add(req);

/** No failure to be counted (routes.ts, isNotYet). */
export const isAskedAgain = (req: object): boolean => askedAgain.has(req);

/** The engine's published types name each event in an overload of its own, which a list cannot meet. */
export const emitterOf = (provider: Provider): EventEmitter => provider as unknown as EventEmitter;

/** @param referenceOf what whoever was refused was told to ask about. */
export function listen(
  provider: Provider,
  metrics: EngineMetrics,
  logger: Logger,
  referenceOf: (ctx: object) => string | undefined,
): void {
  provider.on('grant.success', (ctx) => {
    metrics.tokensIssued.add({ grant_type: String(ctx.oidc.params?.grant_type) });
  });
  for (const event of refusals) {
    emitterOf(provider).on(event, (ctx: EngineContext, error: EngineError) => {
      if (isNotYet(error.error)) askedAgain.add(ctx.req);
      // A JWT at these two is answered after all (jwt-tokens.ts).
      if (error.error === 'unsupported_token_type') return;
      metrics.engineErrors.add({ endpoint: event.replace('.error', ''), error: error.error ?? 'unknown' });
      logger.info('request refused', {
        event,
        error: error.error ?? error.message,
        description: error.error_description,
        detail: error.error_detail,
        client_id: ctx.oidc?.client?.clientId,
        reference: referenceOf(ctx),
      });
    });
  }
  emitterOf(provider).on('server_error', (ctx: EngineContext, error: Error) => {
    metrics.engineErrors.add({ endpoint: ctx.oidc?.route ?? 'unknown', error: 'server_error' });
    logger.error('the engine failed', { error });
    // A database or a Redis that is away is not the request's fault: it may come again.
    const unavailable = error instanceof AppError ? error : databaseError(error);
    if (unavailable?.status !== 503) return;
    ctx.status = 503;
    ctx.set('Retry-After', String(unavailable.details.retryAfter ?? 5));
  });
}
