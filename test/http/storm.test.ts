import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hashingRoutes } from '../../src/shed.js';
import { Browser } from '../support/browser.js';
import { authorizationUrl, makeClient, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { recordStatements } from '../support/statements.js';

describe('a storm of sign-ins', () => {
  let server: TestServer;
  let page: string;
  let cookie: string;

  beforeAll(async () => {
    // One hash of many seconds at work and one waiting: no room, however slow the machine.
    const parameters = { timeCost: 20, memoryCost: 262_144, parallelism: 1 };
    server = await startServer({ overrides: { hashing: { parameters, processes: 1, maxQueue: 1 } } });
    const browser = new Browser();
    page = new URL((await browser.open(authorizationUrl(server, await makeClient(server), pkce()))).url).pathname;
    cookie = [...browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
  }, 180_000);
  afterAll(() => server?.close());

  /** Sends the head of a form and waits for an answer; the body never comes. */
  async function sendHead(path: string): Promise<string> {
    const { hostname, port, host } = new URL(server.issuer);
    const head = [
      `POST ${path} HTTP/1.1`,
      `Host: ${host}`,
      `Origin: ${server.issuer}`,
      `Cookie: ${cookie}`,
      'Accept: text/html',
      'Content-Type: application/x-www-form-urlencoded',
      'Content-Length: 64',
    ];
    const socket = connect(Number(port), hostname);
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.destroy();
    return answer.toString('utf8');
  }

  it('sheds with 503 and Retry-After before body, database and CSRF work, wherever a password would be hashed', async () => {
    const { hasher } = server.services;
    // Warm: the page's dress has been read.
    await fetch(`${server.issuer}/nowhere`, { headers: { accept: 'text/html' } });
    const work = [hasher.hash('one'), hasher.hash('two')];
    for (const one of work) one.catch(() => {});
    Object.defineProperty(server.services.invalidation, 'live', { get: () => true });
    const statements = recordStatements();
    const asked = server.services.redis ? jest.spyOn(server.services.redis.client, 'sendCommand') : undefined;
    try {
      // The last one is read by the router as what it stands for.
      for (const route of [...hashingRoutes, '/interaction/:uid/%6Cogin']) {
        const path = route.replace('/interaction/:uid', page);
        asked?.mockClear();
        const answer = await sendHead(path);
        expect([path, answer.split('\r\n', 1)[0]]).toEqual([path, 'HTTP/1.1 503 Service Unavailable']);
        expect(answer).toMatch(/^Retry-After: [1-9]\d*\r$/im);
        // A person gets a page, a program a problem (RFC 9457).
        expect(answer).toContain(route.startsWith('/api/') ? 'application/problem+json' : '<h1>');
        const [, requestId = ''] = /^X-Request-Id: (\S+)\r$/im.exec(answer) ?? [];
        expect([path, requestId, statements.get(requestId)]).toEqual([path, expect.stringMatching(/./), undefined]);
        expect([path, asked?.mock.calls ?? []]).toEqual([path, []]);
      }
    } finally {
      jest.restoreAllMocks();
    }
  });
});
