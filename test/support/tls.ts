// https for tests: a certificate nobody vouches for, a client that trusts it alone, and a proxy that ends TLS as a balancer does.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as ask } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Agent, fetch as undiciFetch } from 'undici';

export interface Certificate {
  /** Paths, as TLS_CERT and TLS_KEY take them. */
  certFile: string;
  keyFile: string;
  cert: string;
  key: string;
  remove(): void;
}

/** @param name for which it is good, `*.example` for all below it. */
export function selfSigned(name = 'localhost'): Certificate {
  const folder = mkdtempSync(path.join(tmpdir(), 'ostiary-tls-'));
  const certFile = path.join(folder, 'tls.crt');
  const keyFile = path.join(folder, 'tls.key');
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-keyout', keyFile, '-out', certFile, '-subj', '/CN=localhost', '-addext', `subjectAltName=DNS:${name}`],
    ],
    { stdio: 'pipe' },
  );
  const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
  return { certFile, keyFile, cert, key, remove: () => rmSync(folder, { recursive: true }) };
}

/** fetch that believes these certificates and no other. */
export function trusting(...certificates: Certificate[]): typeof fetch {
  const dispatcher = new Agent({ connect: { ca: certificates.map(({ cert }) => cert) } });
  const trusted = (url: string | URL, init?: RequestInit) => undiciFetch(url, { ...init, dispatcher } as never);
  return trusted as unknown as typeof fetch;
}

/** Ends TLS at one port and passes everything on to another, saying for whom. */
export async function startTlsProxy(port: number, target: number, { cert, key }: Certificate) {
  const server = createServer({ cert, key }, (request, response) => {
    const headers = { ...request.headers, 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' };
    const { method = 'GET', url = '/' } = request;
    const onward = ask({ host: '127.0.0.1', port: target, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
