// What keeps spans in memory, where the packages of OpenTelemetry would export them: contexts, parents and what each span says.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import * as api from '@opentelemetry/api';
import { Tracing } from '../../src/platform/tracing.js';

export interface Kept {
  name: string;
  kind: api.SpanKind;
  attributes: Record<string, unknown>;
  status?: api.SpanStatus;
  traceId: string;
  spanId: string;
  parentId: string | undefined;
  ended: boolean;
}

export function keepSpans(): { tracing: Tracing; spans: Kept[]; end(): void } {
  const spans: Kept[] = [];
  api.context.setGlobalContextManager(new Contexts());
  api.propagation.setGlobalPropagator(traceContext);
  api.trace.setGlobalTracerProvider({ getTracer: () => tracerOf(spans) });
  const end = () => {
    api.trace.disable();
    api.propagation.disable();
    api.context.disable();
  };
  return { tracing: new Tracing(api, '0'), spans, end };
}

function tracerOf(spans: Kept[]): api.Tracer {
  const startSpan: api.Tracer['startSpan'] = (name, options = {}, parent = api.context.active()) => {
    const above = api.trace.getSpanContext(parent);
    const kept: Kept = {
      name,
      kind: options.kind ?? api.SpanKind.INTERNAL,
      attributes: { ...options.attributes },
      traceId: above?.traceId ?? randomBytes(16).toString('hex'),
      spanId: randomBytes(8).toString('hex'),
      parentId: above?.spanId,
      ended: false,
    };
    spans.push(kept);
    const span = {
      spanContext: () => ({ traceId: kept.traceId, spanId: kept.spanId, traceFlags: api.TraceFlags.SAMPLED }),
      setAttribute: (key: string, value: unknown) => Object.assign(kept.attributes, { [key]: value }),
      setAttributes: (more: object) => Object.assign(kept.attributes, more),
      setStatus: (status: api.SpanStatus) => Object.assign(kept, { status }),
      updateName: (other: string) => Object.assign(kept, { name: other }),
      end: () => Object.assign(kept, { ended: true }),
    };
    return span as unknown as api.Span;
  };
  return { startSpan } as api.Tracer;
}

class Contexts implements api.ContextManager {
  private readonly storage = new AsyncLocalStorage<api.Context>();

  active = (): api.Context => this.storage.getStore() ?? api.ROOT_CONTEXT;
  bind = <T>(_context: api.Context, target: T): T => target;
  enable = (): this => this;
  disable = (): this => this;

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: api.Context,
    work: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.storage.run(context, () => work.apply(self, args));
  }
}

/** W3C Trace Context §3.2, as far as a test needs it. */
const traceContext: api.TextMapPropagator = {
  fields: () => ['traceparent'],
  inject(context, carrier, setter) {
    const span = api.trace.getSpanContext(context);
    if (span) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`);
    setter.set(carrier, 'baggage', 'somebody=else');
  },
  extract(context, carrier, getter) {
    const [, traceId, spanId] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(String(getter.get(carrier, 'traceparent'))) ?? [];
    return traceId && spanId
      ? api.trace.setSpanContext(context, { traceId, spanId, traceFlags: api.TraceFlags.SAMPLED, isRemote: true })
      : context;
  },
};
