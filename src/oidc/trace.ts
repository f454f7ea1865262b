// Every refusal at an endpoint that people or registered applications meet is kept, so that it can be explained later.
import type { Provider } from 'oidc-provider';
import type { Refusal, TraceStep, Traces } from '../features/protocol/traces.js';
import { currentContext } from '../platform/context.js';
import { AppError } from '../platform/errors.js';
import type { Logger } from '../platform/logger.js';
import { clientKey, type Limiter } from '../platform/rate-limit.js';
import type { EngineContext, EngineError } from './engine-types.js';
import { emitterOf } from './events.js';
import { explainedRefusals, isNotYet } from './routes.js';

/** Which trace belongs to which request: written when the engine refuses, read by the page that tells about it. */
export class TraceIds {
  private readonly ids = new WeakMap<object, Promise<string | undefined>>();

  constructor(
    private readonly traces: Traces,
    private readonly logger: Logger,
    private readonly limiter: Pick<Limiter, 'consume'>,
  ) {}

  listen(provider: Provider): void {
    for (const event of explainedRefusals)
      emitterOf(provider).on(event, (ctx: EngineContext, error: EngineError) => this.keep(ctx, error));
  }

  async of(ctx: object): Promise<string | undefined> {
    return this.ids.get(ctx);
  }

  private keep(ctx: EngineContext, error: EngineError): void {
    const { oidc } = ctx;
    if (isNotYet(error.error)) return;
    // Somebody who cannot even name a client gets an answer, not a row.
    if (this.ids.has(ctx) || !oidc.client) return;
    const refusal = {
      endpoint: oidc.route,
      clientId: oidc.client.clientId,
      error: error.error ?? error.message,
      description: [error.error_description, error.error_detail].filter(Boolean).join(': ') || undefined,
      steps: steps(ctx, error),
    };
    this.ids.set(ctx, this.write(refusal));
  }

  private async write(refusal: Refusal): Promise<string | undefined> {
    try {
      await this.limiter.consume(clientKey(currentContext()?.ip));
      return await this.traces.keep(refusal);
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 429)
        this.logger.warn('a trace could not be kept', { error });
      return undefined;
    }
  }
}

/** What the engine had established before it refused; names only, no values. */
function steps({ oidc }: EngineContext, error: EngineError): TraceStep[] {
  const passed = [
    oidc.client && 'client is registered',
    oidc.redirectUriCheckPerformed && 'redirect_uri is registered',
    oidc.entities.PushedAuthorizationRequest && 'request_uri is known',
    oidc.session?.accountId && 'person is signed in',
    oidc.entities.AuthorizationCode && 'code is valid',
    oidc.entities.RefreshToken && 'refresh token is valid',
    oidc.entities.Grant && 'grant was found',
  ].filter((step): step is string => typeof step === 'string');
  return [
    ...passed.map((step): TraceStep => ({ step, outcome: 'passed' })),
    {
      step: error.error ?? error.name,
      outcome: 'failed',
      ...(error.error_description ? { detail: error.error_description } : {}),
    },
  ];
}

/** Which words the error page has for a refusal. */
export function refusalOf(error: EngineError): 'redirect_uri' | 'client' | 'expired' | 'generic' {
  if (error.name === 'InvalidRedirectUri') return 'redirect_uri';
  if (error.name === 'SessionNotFound') return 'expired';
  return error.error === 'invalid_client' || error.error === 'unauthorized_client' ? 'client' : 'generic';
}
