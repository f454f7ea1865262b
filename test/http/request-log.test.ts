import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { raw } from '../support/attack.js';
import { until } from '../support/pair.js';
import { makeClient, post } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Line {
  message: string;
  request_id: string;
  tenant_id?: string;
  route: string;
  status: number;
}

describe('every request has one line in the log, which is its own (OWASP ASVS 5.0 V16.2.1)', () => {
  let server: TestServer;
  const host = () => new URL(server.issuer).host;
  const lines = (from: number) =>
    server.log
      .slice(from)
      .map((line) => JSON.parse(line) as Line)
      .filter(({ message }) => message === 'request');

  const written = (from: number, count: number) =>
    until(`${count} lines`, async () => {
      await turn();
      return lines(from).length === count;
    });

  beforeAll(async () => {
    // At this issuer one is refused in the first test, six in the second.
    server = await startServer({ overrides: { limits: { protocolFailures: { points: 7, seconds: 60 } } } });
    await server.services.tenants.create({ slug: 'acme', name: 'Acme' });
  }, 180_000);
  afterAll(() => server?.close());

  it('also where requests are pipelined (RFC 9112 §9.3.2)', async () => {
    const { tenants } = server.services;
    const [ours, acme] = [(await tenants.find('default')).id, (await tenants.find('acme')).id];
    const asked = [
      ['/authorize', '/authorize', ours],
      ['/t/acme/jwks', '/jwks', acme],
      ['/nowhere', 'none', ours],
      ['/t/acme/nowhere', 'none', acme],
      ['/jwks', '/jwks', ours],
      ['/t/nobody/jwks', 'none', undefined],
      ['/t/acme/userinfo', '/userinfo', acme],
      ['/userinfo', '/userinfo', ours],
    ] as const;
    const from = server.log.length;
    const text = asked.map(
      ([target], place) =>
        `GET ${target} HTTP/1.1\r\nHost: ${host()}\r\n${place === asked.length - 1 ? 'Connection: close\r\n' : ''}\r\n`,
    );
    const answer = await raw(server, text.join(''));
    const ids = [...answer.matchAll(/^x-request-id: (\S+)/gim)].map(([, id]) => id);
    expect(ids).toHaveLength(asked.length);
    await written(from, asked.length);
    const told = new Map(lines(from).map(({ request_id, route, tenant_id }) => [request_id, [route, tenant_id]]));
    expect(ids.map((id) => told.get(String(id)))).toEqual(asked.map(([, route, tenant]) => [route, tenant]));
  });

  describe('also where the sender hangs up before the answer', () => {
    const leave = (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(new URL(server.issuer).port), '127.0.0.1', () =>
          socket.write(text, () => socket.destroy()),
        );
        socket.once('close', () => resolve());
        socket.once('error', reject);
      });

    it('and a wrong secret is counted (RFC 6749 §2.3.1)', async () => {
      const party = await makeClient(server);
      const basic = Buffer.from(`${party.clientId}:wrong`).toString('base64');
      const from = server.log.length;
      for (let tries = 0; tries < 6; tries += 1)
        await leave(
          `POST /introspect HTTP/1.1\r\nHost: ${host()}\r\nAuthorization: Basic ${basic}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\ntoken=x`,
        );
      await written(from, 6);
      expect(lines(from).map(({ route, status }) => [route, status])).toEqual(Array(6).fill(['/introspect', 401]));
      expect(new Set(lines(from).map(({ request_id }) => request_id)).size).toBe(6);
      expect((await post(server, '/introspect', party, { token: 'x' })).status).toBe(429);
    });

    it.each(['/t/acme/token', '/t/acme/api/v1/users', '/t/acme/interaction/x/login'])(
      'or in the middle of a body for %s',
      async (target) => {
        const from = server.log.length;
        await leave(
          `POST ${target} HTTP/1.1\r\nHost: ${host()}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 70\r\n\r\na=`,
        );
        await written(from, 1);
        const { id } = await server.services.tenants.find('acme');
        expect(lines(from)).toMatchObject([{ request_id: expect.any(String), tenant_id: id }]);
      },
    );
  });
});
