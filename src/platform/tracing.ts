// Spans for whoever runs OpenTelemetry: of requests, named statements, jobs and calls out. They name routes, statements and hosts, never people, addresses,
// values or handles. Nothing of it is loaded where nobody asks for it; the packages are optional, and whoever asks has them installed.
import type { Context, Span } from '@opentelemetry/api';

type Api = typeof import('@opentelemetry/api');

export type Attributes = Record<string, string | number>;

export interface Named {
  name: string;
  kind: 'server' | 'client' | 'consumer';
  attributes?: Attributes;
}

export interface OpenSpan {
  /** What is known at the end only. */
  ends(attributes: Attributes, name?: string): void;
  fails(reason: string): void;
}

/** W3C Trace Context §3. Baggage is not passed on: others put into it what they like. */
const fields = ['traceparent', 'tracestate'] as const;

export class Tracing {
  constructor(
    private readonly api: Api,
    private readonly version: string,
    private readonly end: () => Promise<void> = async () => {},
  ) {}

  /**
   * Exports by the variables of OpenTelemetry, which its own packages read (OTEL_EXPORTER_OTLP_ENDPOINT and its like).
   * @throws Error where the packages are not installed.
   */
  static async open(serviceName: string, version: string): Promise<Tracing> {
    // By a name that no compiler looks for.
    const sdk = '@opentelemetry/sdk-node';
    const missing = (cause: unknown) => {
      throw new Error(
        `Traces are asked for (OTEL_…): install ${sdk} beside the server, or set OTEL_SDK_DISABLED=true`,
        {
          cause,
        },
      );
    };
    const { NodeSDK } = (await import(sdk).catch(missing)) as { NodeSDK: new (settings: object) => Sdk };
    const started = new NodeSDK({ serviceName, instrumentations: [] });
    started.start();
    return new Tracing(await import('@opentelemetry/api'), version, () => started.shutdown());
  }

  /** Until work has ended. @param sender headers whose word counts for what this is a part of; absent: part of what is under way. */
  async span<T>(
    { name, kind, attributes = {} }: Named,
    work: (span: OpenSpan) => Promise<T>,
    sender?: object,
  ): Promise<T> {
    const { context, trace, SpanKind } = this.api;
    const parent = sender ? this.parentIn(sender) : context.active();
    const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, consumer: SpanKind.CONSUMER };
    const span = trace.getTracer('ostiary', this.version).startSpan(name, { kind: kinds[kind], attributes }, parent);
    const open = this.opened(span);
    try {
      return await context.with(trace.setSpan(parent, span), () => work(open));
    } catch (error) {
      // Its name only: what it says may quote what it failed on.
      open.fails(error instanceof Error ? error.name : 'unknown');
      throw error;
    } finally {
      span.end();
    }
  }

  /** What is sent along with a call of ours. */
  outgoing(): Record<string, string> {
    const carrier: Record<string, string> = {};
    this.api.propagation.inject(this.api.context.active(), carrier);
    return Object.fromEntries(fields.flatMap((name) => (carrier[name] ? [[name, carrier[name]]] : [])));
  }

  close(): Promise<void> {
    return this.end();
  }

  private parentIn(sender: object): Context {
    const { propagation, ROOT_CONTEXT } = this.api;
    const said = sender as Record<string, unknown>;
    const carrier = Object.fromEntries(fields.flatMap((name) => (said[name] ? [[name, String(said[name])]] : [])));
    return propagation.extract(ROOT_CONTEXT, carrier);
  }

  private opened(span: Span): OpenSpan {
    const { SpanStatusCode } = this.api;
    return {
      ends(attributes, name) {
        span.setAttributes(attributes);
        if (name) span.updateName(name);
      },
      fails(reason) {
        span.setAttribute('error.type', reason);
        span.setStatus({ code: SpanStatusCode.ERROR });
      },
    };
  }
}

interface Sdk {
  start(): void;
  shutdown(): Promise<void>;
}
