// What receives traces of OpenTelemetry (OTLP/HTTP, https://opentelemetry.io/docs/specs/otlp/#otlphttp): keeps them, refuses them, or never answers.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: Record<string, unknown>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

interface Export {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { spans: (Omit<ReceivedSpan, 'attributes'> & { attributes?: Attribute[] })[] }[];
  }[];
}

export class Collector {
  manner: 'takes' | 'refuses' | 'hangs' = 'takes';
  readonly spans: ReceivedSpan[] = [];
  readonly resources: Record<string, unknown>[] = [];
  /** As they came: path, type, headers, body. */
  readonly requests: { path: string; type: string; authorization: string | undefined; body: Buffer }[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Collector> {
    const server = createServer();
    const collector = new Collector(server);
    server.on('request', async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      const { 'content-type': type = '', authorization } = req.headers;
      const body = Buffer.concat(chunks);
      collector.requests.push({ path: req.url ?? '', type, authorization, body });
      if (collector.manner === 'hangs') return;
      if (collector.manner === 'refuses') return res.writeHead(503).end();
      if (type === 'application/json') collector.keep(JSON.parse(body.toString()) as Export);
      res.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** All that arrived, as one text. */
  get text(): string {
    return this.requests.map(({ body }) => body.toString('latin1')).join('\n');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private keep({ resourceSpans }: Export): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      this.resources.push(valuesOf(resource.attributes));
      for (const { spans } of scopeSpans)
        for (const span of spans) this.spans.push({ ...span, attributes: valuesOf(span.attributes ?? []) });
    }
  }
}

const valuesOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
