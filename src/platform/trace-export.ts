// Where spans go: by the variables of OpenTelemetry, which its own packages read (headers, time limits, compression, batches, samplers, resource
// attributes). Loaded only where it is asked for. Not by its sdk-node, which brings ten times as many packages, waits half a minute for a receiver that
// hangs and tells of host and command line. The API has to be the one these packages know, as package.json has it: with another nothing is traced.
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from './logger.js';
import { Tracing } from './tracing.js';

export interface TraceExport {
  /** Whole, with its path; absent: where the variables say, or the local one of OpenTelemetry. */
  url?: string | undefined;
  protocol: 'http/protobuf' | 'http/json';
  /** Absent: what OTEL_RESOURCE_ATTRIBUTES says, or `ostiary`. */
  serviceName?: string | undefined;
}

/** Milliseconds that the end of the process waits for the last spans. */
export const LAST_SPANS = 3_000;
/** Milliseconds in which a receiver that takes nothing is told of once. */
const QUIET = 60_000;

/** @param version of the software. */
export async function exportTraces(to: TraceExport, version: string, logger: Logger): Promise<Tracing> {
  const [api, sdk, core, contexts, { detectResources, envDetector, resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/core'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/resources'),
  ]);
  // Of host and process nothing is told: command lines and owners are nobody's business.
  const resource = resourceFromAttributes({ 'service.name': 'ostiary', 'service.version': version })
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(to.serviceName ? { 'service.name': to.serviceName } : {}));
  const exporter = heard(await exporterOf(to), logger);
  const provider = new sdk.BasicTracerProvider({ resource, spanProcessors: [new sdk.BatchSpanProcessor(exporter)] });
  api.context.setGlobalContextManager(new contexts.AsyncLocalStorageContextManager().enable());
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  api.trace.setGlobalTracerProvider(provider);
  return new Tracing(api, version, () => atMost(LAST_SPANS, provider.shutdown()));
}

async function exporterOf({ url, protocol }: TraceExport): Promise<SpanExporter> {
  const settings = url ? { url } : {};
  if (protocol === 'http/json')
    return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter(settings);
  return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter(settings);
}

/** The packages keep it to themselves when nobody takes the spans. */
function heard(exporter: SpanExporter, logger: Logger): SpanExporter {
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const now = performance.now();
        if (result.code !== 0 && now - toldAt > QUIET) {
          toldAt = now;
          // Its name only: its words may hold the address, and that a password.
          logger.warn('traces are not taken', { error_name: result.error?.name ?? 'unknown' });
        }
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/** What was not taken until then is lost: a server that stops waits for nobody's collector. */
async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
