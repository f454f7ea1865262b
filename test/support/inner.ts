// What a forged request would reach: servers on addresses of this machine, which count who knocks; and one beside it that may be called, by
// https where it has a certificate, and leads there, says nothing, or says too much.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { gzipSync } from 'node:zlib';
import type { EgressSettings } from '../../src/platform/egress.js';
import type { Certificate } from './tls.js';

/** The only address that configuration lists. */
export const LISTED = '127.0.0.2';

const listening = (server: Server, host: string, port = 0) =>
  new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as { port: number }).port));
  });

export class Inner {
  knocks = 0;
  /** What was asked of the server that may be called. */
  asked: string[] = [];
  lookups: string[] = [];
  private constructor(
    private readonly servers: Server[],
    readonly port: number,
    readonly listedPort: number,
  ) {}

  /** @param good what the server that may be called answers where nothing else is asked of it: JSON, or text as it is. */
  static async start(good: (path: string, host: string) => unknown, certificate?: Certificate): Promise<Inner> {
    const counting = () => createServer((_request, response) => response.end('[]'));
    const first = counting();
    const port = await listening(first, '127.0.0.1');
    const servers = [first];
    // Not at the address that is listed. A container may have no IPv6.
    for (const host of ['127.0.0.3', '127.255.255.254', '::1']) {
      const server = counting();
      if (await listening(server, host, port).catch(() => undefined)) servers.push(server);
    }
    const listed = certificate ? createSecureServer({ cert: certificate.cert, key: certificate.key }) : createServer();
    const inner = new Inner([...servers, listed], port, await listening(listed, LISTED));
    for (const server of servers) server.on('connection', () => (inner.knocks += 1));
    listed.on('request', (request: IncomingMessage, response: ServerResponse) => inner.answer(request, response, good));
    return inner;
  }

  /** A name service of our own. @param addressesOf what it says of a host, asked each time. */
  names(addressesOf: (host: string) => readonly string[]): NonNullable<EgressSettings['lookup']> {
    return (host, _options, done) => {
      this.lookups.push(host);
      const addresses = addressesOf(host);
      setImmediate(
        done,
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
  }

  async close(): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  private answer(
    { url = '', headers }: IncomingMessage,
    response: ServerResponse,
    good: (path: string, host: string) => unknown,
  ): void {
    this.asked.push(url);
    response.setHeader('connection', 'close');
    const inside = `http://127.0.0.1:${this.port}/`;
    const [, manner = '', code] = url.split('/');
    if (manner === 'silent') return;
    if (manner === 'slow') drip(response);
    else if (manner === 'redirect') response.writeHead(Number(code), { location: inside }).end();
    else if (manner === 'huge') response.end(`[${'"x",'.repeat(700_000)}"x"]`);
    else if (manner === 'bomb') response.setHeader('content-encoding', 'gzip').end(bomb());
    else if (manner === 'headers') response.setHeader('x', 'x'.repeat(32_000)).end('[]');
    else {
      const said = good(url, String(headers.host));
      const body = typeof said === 'string' ? said : JSON.stringify(said);
      response.setHeader('content-type', 'application/json').end(body);
    }
  }
}

/** A little that becomes a lot. */
const bomb = () => gzipSync(Buffer.alloc(32 * 1024 * 1024, 0x20));

/** A byte now and then, without end. */
function drip(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json').write('[');
  const timer = setInterval(() => response.write(' '), 50);
  response.once('close', () => clearInterval(timer));
}
