import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { api, makeMachine } from '../support/attack.js';
import { Browser } from '../support/browser.js';
import { authorizationUrl, makeClient, type Party, pkce, post } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

/** NUL, line ends, bidi, half a surrogate pair, prototypes, and what is simply too much. */
const hostile: [string, string][] = [
  ['NUL', 'a\0b'],
  ['CR LF', 'a\r\nX-Injected: 1'],
  ['bidi', 'a\u202Eb'],
  ['a half surrogate pair', 'a\ud800b'],
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['4000 characters', 'x'.repeat(4000)],
  ['a URI with NUL', 'https://a.example/\0'],
];

describe('no input makes an error of the server (OWASP ASVS 5.0 V2.2, V1.2)', () => {
  let server: TestServer;
  let party: Party;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server);
  }, 180_000);
  beforeEach(() => {
    server.log.length = 0;
  });
  afterAll(() => server?.close());

  const failures = () => server.log.filter((line) => line.includes('"level":"error"'));
  const unharmed = (response: { status: number; headers: Headers }) => {
    expect(response.status).toBeLessThan(500);
    expect(response.headers.get('x-injected')).toBeNull();
    expect(failures()).toEqual([]);
  };

  const names = [
    ...['client_id', 'redirect_uri', 'response_type', 'response_mode', 'scope', 'state', 'nonce', 'prompt', 'max_age'],
    ...['ui_locales', 'login_hint', 'id_token_hint', 'acr_values', 'claims', 'resource', 'request', 'request_uri'],
    ...['code_challenge', 'code_challenge_method', 'dpop_jkt', 'display', 'registration', 'claims_locales'],
  ];

  it.each(hostile)(
    'in a parameter of the authorization request: %s',
    async (_name, value) => {
      for (const name of names) {
        const url = authorizationUrl(server, party, pkce(), { [name]: value });
        unharmed(await fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } }));
        const page = await new Browser().open(url);
        unharmed(page);
      }
    },
    60_000,
  );

  it.each(hostile)(
    'in a parameter of the other endpoints: %s',
    async (_name, value) => {
      const forms: [string, string[]][] = [
        [
          '/token',
          ['grant_type', 'code', 'refresh_token', 'redirect_uri', 'code_verifier', 'resource', 'scope', 'client_id'],
        ],
        ['/introspect', ['token', 'token_type_hint']],
        ['/revoke', ['token', 'token_type_hint']],
        ['/par', names],
        ['/logout', ['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state', 'ui_locales']],
      ];
      for (const [path, fields] of forms) {
        for (const name of fields) {
          for (const grant_type of path === '/token' ? ['authorization_code', 'refresh_token'] : ['']) {
            const form = { ...(grant_type ? { grant_type } : {}), client_id: party.clientId, [name]: value };
            const response = await fetch(server.issuer + path, {
              method: 'POST',
              body: new URLSearchParams({ ...form, client_secret: party.clientSecret }),
            });
            unharmed(response);
          }
        }
      }
      const basic = Buffer.from(`${encodeURIComponent(value.replace('\ud800', ''))}:x`).toString('base64');
      const response = await fetch(`${server.issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${basic}` },
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x' }),
      });
      unharmed(response);
    },
    60_000,
  );

  it('in what is looked up under a name: a resource that is right up to a NUL', async () => {
    const machine = await makeMachine(server, 'users:read');
    for (const resource of [
      `${server.issuer}/api\0`,
      `https://a.example/${'x'.repeat(20_000)}`,
      'https://a.example/\0',
    ]) {
      const answer = await post(server, '/token', machine, { grant_type: 'client_credentials', resource });
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_target']);
    }
    expect(failures()).toEqual([]);
  });

  it.each(['/interaction/abc/login', '/password', '/setup'])('in a form of %s', async (path) => {
    const send = (body: string, headers: Record<string, string> = {}) =>
      fetch(server.issuer + path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      });
    expect((await send(`csrf=${'x'.repeat(20_000)}`)).status).toBe(413);
    expect((await send('csrf=1', { 'content-encoding': 'bogus' })).status).toBe(415);
    expect((await send('csrf=1', { 'content-encoding': 'gzip' })).status).toBe(415);
    for (const body of [
      `a${'[b]'.repeat(3000)}=1`,
      'a=1&'.repeat(3000),
      '__proto__[x]=1&constructor[prototype][x]=1',
      '%',
    ])
      unharmed(await send(body));
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    expect(failures()).toEqual([]);
  });

  it.each(['/clients', '/users', '/resources', '/audit-events', '/sessions', '/grants'])(
    'in a cursor of %s',
    async (path) => {
      const { token } = await makeMachine(
        server,
        'clients:read users:read resources:read audit:read sessions:read grants:read',
      );
      for (const [, value] of hostile) {
        for (const cursor of [
          JSON.stringify(value),
          JSON.stringify({ after: value }),
          value,
          '{"__proto__":1}',
          'null',
        ]) {
          const text = Buffer.from(cursor).toString('base64url');
          unharmed(await api(server, token, 'GET', `${path}?cursor=${text}`));
        }
      }
    },
  );

  it('keeps nothing in memory under a name as long as a request may be', async () => {
    const long = 'y'.repeat(50_000);
    const seen: string[] = [];
    const { db } = server.services;
    const query = db.pool.query.bind(db.pool);
    Object.assign(db.pool, {
      query: (...all: unknown[]) => {
        seen.push(JSON.stringify(all));
        return (query as (...all: unknown[]) => unknown)(...all);
      },
    });
    await fetch(`${server.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: long,
        client_secret: 'x',
        grant_type: 'refresh_token',
        refresh_token: 'x',
      }),
    });
    Object.assign(db.pool, { query });
    expect(seen.filter((statement) => statement.includes(long))).toEqual([]);
  });
});

describe('the Content-Security-Policy of a page', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  it.each([
    'https://a.example;sandbox/',
    'https://a.example,x/',
    "https://a'b.example/",
    'https://a.example;script-src-elem/',
  ])('says nothing that a redirect_uri says: %s (CSP 3 §2.3.1)', async (redirectUri) => {
    const party = {
      ...(await makeClient(server, { redirect_uris: [redirectUri] }).catch(() => undefined)),
      redirectUri,
    };
    // Not registered at all is just as good.
    if (!party.clientId) return;
    const page = await new Browser().open(authorizationUrl(server, party as Party, pkce()));
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy.split(/[;,]/).map((directive) => directive.trim().split(' ')[0])).toEqual([
      ...['default-src', 'script-src', 'style-src', 'img-src', 'font-src', 'connect-src', 'base-uri', 'form-action'],
      'frame-ancestors',
    ]);
    expect(policy).not.toMatch(/sandbox|script-src-elem/);
  });
});
