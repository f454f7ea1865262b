import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { raw } from '../support/attack.js';
import { startServer, type TestServer } from '../support/server.js';

const discovery = '/.well-known/openid-configuration';

describe('what a sender says about the host decides nothing (RFC 9112 §3.2, RFC 8414 §3.3)', () => {
  let server: TestServer;
  let host: string;

  beforeAll(async () => {
    server = await startServer();
    host = new URL(server.issuer).host;
  }, 180_000);
  afterAll(() => server?.close());

  const ask = (target: string, headers: string[]) =>
    raw(server, [`GET ${target} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n'));

  it('refuses a Host that is no issuer', async () => {
    const answer = await ask(discovery, ['Host: evil.example']);
    expect(answer).toMatch(/^HTTP\/1\.1 421 /);
    expect(answer).not.toContain('evil.example');
  });

  it.each(['http', 'https', 'HTTP'])(
    'refuses an absolute-form target of another host, %s (RFC 9112 §3.2.2)',
    async (scheme) => {
      const answer = await ask(`${scheme}://evil.example${discovery}`, [`Host: ${host}`]);
      expect(answer).toMatch(/^HTTP\/1\.1 421 /);
      expect(answer).not.toContain('evil.example');
    },
  );

  it('takes the host of an absolute-form target, not the Host field, and answers as its issuer', async () => {
    const answer = await ask(`${server.issuer}${discovery}`, ['Host: evil.example']);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).not.toContain('evil.example');
    expect(answer).toContain(`"issuer":"${server.issuer}"`);
  });

  it.each([
    ['//evil.example'],
    ['http:evil.example'],
    ['http:///evil.example'],
    ['http://evil.example@'],
    ['http://evil.example:99999'],
  ])('finds nothing at %s', async (prefix) => {
    const answer = await ask(`${prefix}${discovery}`, [`Host: ${host}`]);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toContain('_endpoint');
  });

  it('takes no forwarded host or scheme', async () => {
    const answer = await ask(discovery, [
      `Host: ${host}`,
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'X-Forwarded-For: 1.2.3.4',
      'Forwarded: host=evil.example;proto=https',
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).not.toContain('evil.example');
    expect(answer).not.toContain('https://localhost');
  });

  it('every address of the discovery document lies at the issuer', async () => {
    const document = (await (await fetch(server.issuer + discovery)).json()) as Record<string, unknown>;
    const addresses = Object.entries(document).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(addresses.length).toBeGreaterThan(5);
    for (const [, address] of addresses) expect(String(address)).toMatch(new RegExp(`^${server.issuer}/`));
  });
});
