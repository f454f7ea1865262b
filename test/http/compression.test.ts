import { connect } from 'node:net';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { setupLink } from '../support/management.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
}

describe('compression (RFC 9110 §8.4)', () => {
  let server: TestServer;
  let party: Party;
  let apiToken: string;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server);
    for (let count = 0; count < 8; count += 1) await makeClient(server, { client_name: `Client number ${count}` });
    email = (await makePerson(server)).email;
    apiToken = await tokenWith(server, 'clients:read clients:write');
  }, 180_000);
  afterAll(() => server?.close());

  async function send(path: string, encoding: string, init: Parameters<typeof request>[1] = {}): Promise<Answer> {
    const headers = { 'accept-encoding': encoding, ...(init?.headers as Record<string, string>) };
    const answer = await request(new URL(path, server.issuer), { ...init, headers });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      bytes: Buffer.from(await answer.body.arrayBuffer()),
    };
  }

  const plain = ({ headers, bytes }: Answer): string => {
    const coding = headers['content-encoding'];
    const open = coding === 'br' ? brotliDecompressSync : coding === 'gzip' ? gunzipSync : (same: Buffer) => same;
    return open(bytes).toString('utf8');
  };

  describe('of what everybody may read, or a program reads in lists', () => {
    const asset = async () => {
      const { html } = await new Browser().open(authorizationUrl(server, party, pkce()));
      return /href="([^"]*\.css)"/.exec(html)?.[1] ?? '';
    };
    const bearer = () => ({ headers: { authorization: `Bearer ${apiToken}` } });
    it.each<[string, () => Promise<string> | string, () => object]>([
      ['discovery', () => '/.well-known/openid-configuration', () => ({})],
      ['keys', () => '/jwks', () => ({})],
      ['the OpenAPI document', () => '/api/v1/openapi.json', () => ({})],
      ['a list of the management API', () => '/api/v1/clients', bearer],
      ['a stylesheet', asset, () => ({})],
    ])('%s: as the caller accepts it, told to caches, and the same text in each coding', async (_, path, init) => {
      const address = await path();
      const answers = {
        plain: await send(address, 'identity', init()),
        gzip: await send(address, 'gzip', init()),
        br: await send(address, 'br, gzip', init()),
        refused: await send(address, 'br;q=0, gzip;q=0, identity', init()),
      };
      const codings = Object.values(answers).map(({ headers }) => headers['content-encoding']);
      expect(codings).toEqual([undefined, 'gzip', 'br', undefined]);
      const texts = new Set(Object.values(answers).map(plain));
      expect(texts.size).toBe(1);
      for (const { headers, status } of Object.values(answers)) {
        expect(status).toBe(200);
        expect(String(headers.vary)).toMatch(/accept-encoding/i);
      }
      // RFC 9110 §8.8.3.3: a validator stands for one representation.
      const etags = [answers.plain, answers.gzip, answers.br].map(({ headers }) => headers.etag).filter(Boolean);
      expect(new Set(etags).size).toBe(etags.length);
    });
  });

  describe('never of an answer that holds a secret, or words of the sender beside one (BREACH)', () => {
    const every = 'gzip, deflate, br, zstd';
    const basic = () => `Basic ${Buffer.from(`${party.clientId}:${party.clientSecret}`).toString('base64')}`;
    const form = (fields: Record<string, string>, headers: Record<string, string> = {}) => ({
      method: 'POST' as const,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(fields).toString(),
    });

    it('neither pages, nor tokens, nor what is made', async () => {
      const tokens = await tokensFor(server, party, email);
      const browser = new Browser();
      const page = await browser.open(authorizationUrl(server, party, pkce()));
      const cookie = [...browser.cookies.values()].map(({ name, value }) => `${name}=${value}`).join('; ');
      const { pathname } = new URL(page.url);
      const padding = 'x'.repeat(3000);
      const json = { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' };
      const answers: Record<string, Answer> = {
        'authorization request': await send(authorizationUrl(server, party, pkce(), { login_hint: padding }), every),
        'sign-in page': await send(pathname, every, { headers: { cookie } }),
        'sign-in form': await send(`${pathname}/login`, every, form({ username: padding }, { cookie })),
        'setup page': await send(await setupLink(server), every),
        'password page': await send(`/password?token=${padding}`, every),
        'error page': await send(`/nowhere?${padding}`, every, { headers: { accept: 'text/html' } }),
        'sign-out page': await send(`/logout?state=${padding}`, every, { headers: { cookie } }),
        tokens: await send(
          '/token',
          every,
          form(
            { grant_type: 'refresh_token', refresh_token: String(tokens.refresh_token) },
            { authorization: basic() },
          ),
        ),
        introspection: await send(
          '/introspect',
          every,
          form({ token: String(tokens.access_token) }, { authorization: basic() }),
        ),
        userinfo: await send('/userinfo', every, { headers: { authorization: `Bearer ${tokens.access_token}` } }),
        'a client with its secret': await send('/api/v1/clients', every, {
          method: 'POST',
          headers: json,
          body: JSON.stringify({
            client_name: 'Made',
            redirect_uris: Array.from({ length: 40 }, (_, index) => `https://rp.example/callback/${index}`),
          }),
        }),
        'a problem': await send('/api/v1/clients', every, {
          method: 'POST',
          headers: json,
          body: JSON.stringify(Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`unknown_${index}`, 1]))),
        }),
      };
      const compressed = Object.entries(answers).filter(([, { headers }]) => headers['content-encoding'] !== undefined);
      expect(compressed.map(([name]) => name)).toEqual([]);
      // They were the answers that are meant, and long enough to be worth it.
      expect(plain(answers['sign-in page'] as Answer)).toContain('<form');
      expect(plain(answers['a client with its secret'] as Answer)).toContain('client_secret');
      expect((answers['a client with its secret'] as Answer).bytes.length).toBeGreaterThan(1024);
      expect((answers.tokens as Answer).status).toBe(200);
    });
  });

  describe('of what is sent to us: read nowhere (RFC 9110 §15.5.16)', () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024, 'grant_type=client_credentials&x='));

    it.each([
      ['/token', 'application/x-www-form-urlencoded'],
      ['/introspect', 'application/x-www-form-urlencoded'],
      ['/revoke', 'application/x-www-form-urlencoded'],
      ['/par', 'application/x-www-form-urlencoded'],
      ['/register', 'application/json'],
      ['/authorize', 'application/x-www-form-urlencoded'],
      ['/logout', 'application/x-www-form-urlencoded'],
      ['/interaction/abcdefghijklmnopqrstu/login', 'application/x-www-form-urlencoded'],
      ['/setup', 'application/x-www-form-urlencoded'],
      ['/password', 'application/x-www-form-urlencoded'],
      ['/api/v1/clients', 'application/json'],
    ])('POST %s with 20 MB in %s as gzip is 415, and is not unpacked', async (path, type) => {
      const { length } = server.log;
      const used = process.memoryUsage();
      const headers = {
        'content-type': type,
        'content-encoding': 'gzip',
        authorization: path.startsWith('/api') ? `Bearer ${apiToken}` : '',
      };
      const { status, headers: answered } = await send(path, 'identity', { method: 'POST', headers, body: bomb });
      expect(status).toBe(415);
      expect(answered['content-encoding']).toBeUndefined();
      const { external, arrayBuffers } = process.memoryUsage();
      expect(external + arrayBuffers - used.external - used.arrayBuffers).toBeLessThan(10 * 1024 * 1024);
      expect(server.log.slice(length).some((line) => line.includes('"level":"error"'))).toBe(false);
    });

    it('says so before the body is there', async () => {
      const { hostname, port, host } = new URL(server.issuer);
      const head = [
        'POST /password HTTP/1.1',
        `Host: ${host}`,
        'Content-Type: application/x-www-form-urlencoded',
        'Content-Encoding: br',
        'Content-Length: 100000',
      ];
      const socket = connect(Number(port), hostname);
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
      const [answer] = (await new Promise((resolve) => socket.once('data', (data) => resolve([data])))) as [Buffer];
      socket.destroy();
      expect(String(answer)).toMatch(/^HTTP\/1\.1 415 /);
    });
  });

  it('a request without Accept-Encoding gets the plain text', async () => {
    const { headers } = await ask(server, apiToken, 'get', '/clients', undefined, { 'accept-encoding': 'identity' });
    expect(headers.get('content-encoding')).toBeNull();
  });
});
