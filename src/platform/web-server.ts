// One listening HTTP server and its end: clients are told to leave before anything is closed, because a connection that is cut while a request
// is on its way to us is a request that failed. Handed off to: whoever answers, as a plain request handler.
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, Server as NetServer } from 'node:net';

const keepAliveMs = 65_000;
const reapMs = 100;

export const departures = {
  /** The whole server goes. Whoever looks at readiness has gone, the others were told by their last answer: what is idle now is closed. */
  drain: { idleMs: 0, totalMs: 20_000 },
  /** Others go on at this address: idle connections end as they were promised to, after their own time, and nobody notices. */
  retire: { idleMs: keepAliveMs + 5_000, totalMs: keepAliveMs + 35_000 },
};

export class WebServer {
  private readonly server: Server;
  private leaving = false;

  constructor(tls: { cert: string; key: string } | undefined, handler: RequestListener) {
    const options = {
      requestTimeout: 30_000,
      headersTimeout: 10_000,
      maxHeaderSize: 16 * 1024,
      keepAliveTimeout: keepAliveMs,
    };
    const answer: RequestListener = (request, response) => {
      if (this.leaving) response.setHeader('Connection', 'close');
      handler(request, response);
    };
    this.server = tls
      ? createSecureServer(
          { ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.2' },
          answer,
        )
      : createServer(options, answer);
  }

  /** @returns the port, which differs where 0 was asked for. @throws Error where it is not to be had. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  /** Each connection's next answer is its last (RFC 9112 §9.6): the client comes again on another, and is never met by a closed door. */
  sendAway(): void {
    this.leaving = true;
  }

  /** Takes no new connection. Requests under way are finished, for `totalMs` at most; idle connections may stay for `idleMs`. */
  async stop({ idleMs, totalMs }: { idleMs: number; totalMs: number }): Promise<void> {
    this.sendAway();
    // http's own close() cuts idle connections at once; that of net only stops listening.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.server, () => resolve()));
    let reaping: NodeJS.Timeout | undefined;
    const reap = () => {
      this.server.closeIdleConnections();
      reaping = setTimeout(reap, reapMs);
    };
    const patience = setTimeout(reap, idleMs);
    const end = setTimeout(() => this.server.closeAllConnections(), totalMs);
    await closed;
    for (const timer of [patience, reaping, end]) clearTimeout(timer);
    // Nothing is left to close but its own timers.
    this.server.close(() => {});
  }
}
