import { execFileSync } from 'node:child_process';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../config/index.js';
import { cipherSuites } from '../../../src/platform/web-server.js';
import { freePort, startServer, type TestServer } from '../../support/server.js';
import { type Certificate, selfSigned, trusting } from '../../support/tls.js';

let tls: Certificate;
let server: TestServer;

beforeAll(async () => {
  tls = selfSigned();
  const ISSUER = `https://localhost:${await freePort()}`;
  server = await startServer({ environment: { ISSUER, TLS_CERT: tls.certFile, TLS_KEY: tls.keyFile } });
}, 180_000);
afterAll(async () => {
  await server?.close();
  tls?.remove();
});

/** @returns what was agreed upon, or that nothing was. */
const shake = (options: ConnectionOptions) =>
  new Promise<string>((resolve) => {
    const { port, hostname } = new URL(server.issuer);
    const socket = connect({ port: Number(port), host: '127.0.0.1', servername: hostname, ca: tls.cert, ...options });
    socket.once('secureConnect', () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
      socket.destroy();
    });
    socket.once('error', () => resolve('refused'));
  });

describe('TLS of the server itself', () => {
  it('speaks TLS 1.3 and 1.2, and nothing older (§3.1.1)', async () => {
    expect(await shake({})).toMatch(/^TLSv1\.3 /);
    expect(await shake({ maxVersion: 'TLSv1.2' })).toMatch(/^TLSv1\.2 ECDHE-ECDSA-/);
    for (const version of ['TLSv1.1', 'TLSv1'] as const)
      expect(await shake({ minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' })).toBe('refused');
  });

  it('takes no suite without forward secrecy and authenticated encryption, whichever is offered (§4.1, §4.2)', async () => {
    const all = execFileSync('openssl', ['ciphers', '-tls1_2', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'], {
      encoding: 'utf8',
    });
    const offered = all
      .trim()
      .split(':')
      .filter((name) => !name.startsWith('TLS_'));
    expect(offered.length).toBeGreaterThan(40);
    const agreed: string[] = [];
    for (const ciphers of offered) {
      const answer = await shake({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` }).catch(() => 'refused');
      if (answer !== 'refused') agreed.push(answer.replace('TLSv1.2 ', ''));
    }
    // Of an ECDSA certificate: those of RSA need another.
    expect(agreed.sort()).toEqual(cipherSuites.filter((name) => name.startsWith('ECDHE-ECDSA')).sort());
  });

  it('answers the whole of discovery at https, and says that it stays there (§3.2)', async () => {
    const answer = await trusting(tls)(`${server.issuer}/.well-known/openid-configuration`);
    const document = (await answer.json()) as Record<string, unknown>;
    expect(document.issuer).toBe(server.issuer);
    expect(answer.headers.get('strict-transport-security')).toMatch(/max-age=31536000/);
    for (const [name, value] of Object.entries(document))
      if (name.endsWith('_endpoint') || name.endsWith('_uri')) expect(String(value)).toMatch(/^https:/);
  });
});

it('an issuer that leaves this machine in the clear is refused (RFC 8414 §2)', () => {
  expect(() => loadConfig({ ISSUER: 'http://id.example.com' })).toThrow(/ISSUER: must be https/);
});
