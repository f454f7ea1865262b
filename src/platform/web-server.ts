// One listening HTTP server and its end: clients are told to leave before anything is closed, because a connection that is cut while a request
// is on its way to us is a request that failed. Handed off to: whoever answers, as a plain request handler.
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import { type AddressInfo, Server as NetServer } from 'node:net';

const keepAliveMs = 65_000;
const reapMs = 100;

export const departures = {
  /** The whole server goes. Whoever looks at readiness has gone, the others were told by their last answer: what is idle now is closed. */
  drain: { idleMs: 0, totalMs: 20_000 },
  /** Others go on at this address: idle connections end as they were promised to, after their own time, and nobody notices. */
  retire: { idleMs: keepAliveMs + 5_000, totalMs: keepAliveMs + 35_000 },
};

/** BCP 195 (RFC 9325 §4.2, RFC 8446 §B.4): forward secrecy and authenticated encryption; of TLS 1.2 the four suites that are recommended. */
export const cipherSuites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
] as const;

/** Paths of PEM files. */
interface TlsFiles {
  cert: string;
  key: string;
  /** Whoever connects is asked for a certificate and need not have one: who it is, the application decides (RFC 8705). */
  clientCertificates?: { ca: string | undefined };
}

export class WebServer {
  private readonly server: Server;
  private leaving = false;

  constructor(tls: TlsFiles | undefined, handler: RequestListener) {
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
    this.server = tls ? createSecureServer({ ...options, ...secured(tls) }, answer) : createServer(options, answer);
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

function secured({ cert, key, clientCertificates }: TlsFiles): ServerOptions {
  // RFC 9325 §3.5: nothing is renegotiated.
  const always = {
    cert: readFileSync(cert),
    key: readFileSync(key),
    minVersion: 'TLSv1.2' as const,
    ciphers: cipherSuites.join(':'),
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
  if (!clientCertificates) return always;
  return {
    ...always,
    requestCert: true,
    // A self-signed certificate is known by itself (RFC 8705 §2.2): no authority vouches for it.
    rejectUnauthorized: false,
    // Without authorities of one's own none vouches, least of all those that vouch for web sites.
    ca: clientCertificates.ca ? readFileSync(clientCertificates.ca) : [],
    // No session is resumed: each connection proves anew that it has the key of its certificate.
    secureOptions: always.secureOptions | constants.SSL_OP_NO_TICKET,
  };
}
