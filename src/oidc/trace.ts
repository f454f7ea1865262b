// Every refusal at an endpoint that people or registered applications meet is kept, so that it can be explained later. The client is told where
// its developer can read about it (error_uri, RFC 6749 §4.1.2.1 and §5.2), in every refusal alike: whether one was kept does not show.
import type { Provider } from 'oidc-provider';
import type { TraceStep } from '../features/traces/trace.entity.js';
import { type Finding, newTraceId, type Refusal, type Traces } from '../features/traces/traces.js';
import { currentContext } from '../platform/context.js';
import { AppError } from '../platform/errors.js';
import type { Logger } from '../platform/logger.js';
import { clientKey, type Limiter } from '../platform/rate-limit.js';
import type { EngineContext, EngineError } from './engine-types.js';
import { errorUri } from './error-reference.js';
import { emitterOf } from './events.js';
import { explain } from './explain.js';
import { explainedRefusals, isExplained, isNotYet } from './routes.js';
import { guarded, registeredFor, seenIn } from './seen.js';

interface Refused {
  id: string;
  /** The engine may find a second fault while it answers the first; what it says last is what was answered. */
  errors: EngineError[];
  kept: Promise<void>;
}

/** Which trace belongs to which request: given a number when the engine refuses, told with the answer. */
export class TraceIds {
  private readonly refused = new WeakMap<object, Refused>();

  constructor(
    private readonly traces: Traces,
    private readonly logger: Logger,
    private readonly limiter: Pick<Limiter, 'consume'>,
  ) {}

  listen(provider: Provider): void {
    for (const event of explainedRefusals)
      emitterOf(provider).on(event, (ctx: EngineContext, error: EngineError) => {
        const id = this.note(ctx, error);
        if (id && isRefusal(ctx.body)) ctx.body.error_uri = errorUri(provider.issuer, id);
      });
  }

  /** What the redirect that tells the client of a refusal carries. */
  explained<Fields extends object>(ctx: EngineContext, fields: Fields): Fields {
    const id = isRefusal(fields) ? this.of(ctx) : undefined;
    return id ? { ...fields, error_uri: errorUri(ctx.oidc.provider.issuer, id) } : fields;
  }

  of(ctx: object): string | undefined {
    return this.refused.get(ctx)?.id;
  }

  /** For the page about it: a person may ask at once, so it is there when they read. */
  async onPage(ctx: EngineContext, error: EngineError): Promise<string | undefined> {
    if (isExplained(ctx.path) && (error as { expose?: boolean }).expose) this.note(ctx, error);
    await this.refused.get(ctx)?.kept;
    return this.of(ctx);
  }

  private note(ctx: EngineContext, error: EngineError): string | undefined {
    if (isNotYet(error.error)) return undefined;
    const before = this.refused.get(ctx);
    if (before) {
      if (!before.errors.includes(error)) before.errors.push(error);
      return before.id;
    }
    const id = newTraceId();
    const errors = [error];
    // Somebody who cannot even name a client gets an answer, not a row. By the next turn the engine has said all it had to say.
    const kept = ctx.oidc.client ? Promise.resolve().then(() => this.keep(id, ctx, errors)) : Promise.resolve();
    this.refused.set(ctx, { id, errors, kept });
    return id;
  }

  private async keep(id: string, ctx: EngineContext, errors: EngineError[]): Promise<void> {
    try {
      await this.limiter.consume(clientKey(currentContext()?.ip));
      await this.traces.keep(id, await refusalIn(ctx, errors));
    } catch (error) {
      if (!(error instanceof AppError) || error.status !== 429)
        this.logger.warn('a trace could not be kept', { error });
    }
  }
}

async function refusalIn(ctx: EngineContext, errors: EngineError[]): Promise<Refusal> {
  const error = errors.at(-1) as EngineError;
  const { oidc } = ctx;
  const description = [error.error_description, error.error_detail].filter(Boolean).join(': ');
  return {
    endpoint: oidc.route,
    clientId: oidc.client?.clientId,
    error: error.error ?? error.message,
    description: description ? guarded(description) : undefined,
    steps: steps(ctx, error),
    findings: await Promise.all(errors.map((one) => findingIn(ctx, one))),
  };
}

async function findingIn(ctx: EngineContext, error: EngineError): Promise<Finding> {
  const { check, advice, setting, seen = [], registered = [] } = explain(error);
  return {
    check,
    advice,
    setting: setting ?? null,
    seen: await seenIn(ctx, seen),
    registered: registeredFor(ctx, registered),
  };
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
      ...(error.error_description ? { detail: guarded(error.error_description) } : {}),
    },
  ];
}

const isRefusal = (body: unknown): body is { error: unknown; error_uri?: string } =>
  typeof body === 'object' && body !== null && 'error' in body;

/** Which words the error page has for a refusal. */
export function refusalOf(error: EngineError): 'redirect_uri' | 'client' | 'expired' | 'generic' {
  if (error.name === 'InvalidRedirectUri') return 'redirect_uri';
  if (error.name === 'SessionNotFound') return 'expired';
  return error.error === 'invalid_client' || error.error === 'unauthorized_client' ? 'client' : 'generic';
}
