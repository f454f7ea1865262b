// What Prometheus reads: the process, the event loop, every HTTP answer, and what callers define. On a port of its own.
import { createServer, type Server } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricDefinition<L extends string> {
  name: string;
  help: string;
  /** Each label with all the values it may take; anything else is counted as `other`, so that nobody's input becomes a series. */
  labels?: { readonly [K in L]: readonly string[] | ((value: string) => boolean) };
}

export type Labels<L extends string> = { [K in L]: string | number };

export interface CounterHandle<L extends string> {
  add(labels: Labels<L>, amount?: number): void;
}
export interface GaugeHandle<L extends string> {
  set(labels: Labels<L>, value: number): void;
}
export interface HistogramHandle<L extends string> {
  observe(labels: Labels<L>, value: number): void;
}

const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const isStatus = (value: string) => /^[1-5]\d\d$/.test(value);

export class Metrics {
  readonly registry = new Registry();
  /** Seconds from the first byte of the request to the end of the answer. */
  readonly httpRequestDuration: HistogramHandle<'route' | 'method' | 'status'>;
  private server: MetricsServer | undefined;

  /** @param routes names of routes, never paths; a function where they are not all known yet. */
  constructor({ routes }: { routes: readonly string[] | ((route: string) => boolean) }) {
    collectDefaultMetrics({ register: this.registry });
    this.httpRequestDuration = this.histogram({
      name: 'http_request_duration_seconds',
      help: 'Duration of HTTP requests by route, method and status',
      labels: { route: routes, method: httpMethods, status: isStatus },
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    });
  }

  counter<L extends string = never>(definition: MetricDefinition<L>): CounterHandle<L> {
    const counter = new Counter<string>({ ...described(definition), registers: [this.registry] });
    return { add: (labels, amount = 1) => counter.inc(bounded(definition, labels), amount) };
  }

  /**
   * @param collect asked at each scrape, for what is cheaper read than followed.
   * @param aggregator how the numbers of several workers become one; added up unless said.
   */
  gauge<L extends string = never>(
    definition: MetricDefinition<L> & {
      collect?: (gauge: GaugeHandle<L>) => void | Promise<void>;
      aggregator?: 'sum' | 'max';
    },
  ): GaugeHandle<L> {
    const { collect, aggregator = 'sum' } = definition;
    const handle: GaugeHandle<L> = { set: (labels, value) => gauge.set(bounded(definition, labels), value) };
    const gauge: Gauge<string> = new Gauge<string>({
      ...described(definition),
      registers: [this.registry],
      aggregator,
      ...(collect && { collect: () => collect(handle) }),
    });
    return handle;
  }

  histogram<L extends string = never>(definition: MetricDefinition<L> & { buckets?: number[] }): HistogramHandle<L> {
    const { buckets } = definition;
    const histogram = new Histogram<string>({
      ...described(definition),
      registers: [this.registry],
      ...(buckets && { buckets }),
    });
    // As many as there are series: the labels of each are looked at once.
    const series = new Map<string, { observe(value: number): void }>();
    const names = Object.keys(definition.labels ?? {}) as L[];
    return {
      observe(labels, value) {
        const key = names.map((name) => labels[name]).join('\0');
        let one = series.get(key);
        if (!one) {
          const clean = bounded(definition, labels);
          one = histogram.labels(clean);
          // What was counted as `other` came from outside and is not remembered.
          if (Object.values(clean).join('\0') === key) series.set(key, one);
        }
        one.observe(value);
      },
    };
  }

  /** Answers GET /metrics. @returns the port, which differs where 0 was asked for. */
  async serve(port: number, host: string): Promise<number> {
    this.server = await MetricsServer.start(port, host, () => this.registry.metrics());
    return this.server.port;
  }

  async close(): Promise<void> {
    await this.server?.close();
    this.server = undefined;
  }
}

/** GET /metrics, and /healthz for a process that has no other door. */
export class MetricsServer {
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** @param render in the text format of Prometheus. @throws Error where the port is not to be had. */
  static async start(port: number, host: string, render: () => Promise<string>): Promise<MetricsServer> {
    const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
      const path = request.url?.split('?', 1)[0];
      if (path !== '/metrics' && path !== '/healthz') return void response.writeHead(404).end();
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
      if (path === '/healthz')
        return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
      render().then(
        (text) => response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const address = server.address();
    return new MetricsServer(server, typeof address === 'object' && address ? address.port : port);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const described = <L extends string>({ name, help, labels }: MetricDefinition<L>) => ({
  name,
  help,
  labelNames: Object.keys(labels ?? {}),
});

function bounded<L extends string>(
  { labels: allowed }: MetricDefinition<L>,
  labels: Labels<L>,
): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const name of Object.keys(allowed ?? {}) as L[]) {
    const value = String(labels[name]);
    const values = allowed?.[name];
    const known = typeof values === 'function' ? values(value) : values?.includes(value);
    clean[name] = known ? value : 'other';
  }
  return clean;
}
