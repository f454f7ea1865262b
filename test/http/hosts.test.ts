import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '../../config/protocol.js';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { managementScopes } from '../../src/management.js';
import { withContext } from '../../src/platform/context.js';
import { makeClient, makePerson, type Party, pkce } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

type Header = [name: string, value: string];

interface Answer {
  status: number;
  headers: Headers;
  body: string;
  /** As it came. */
  raw: string;
}

/** One request, written by hand: what a client library would tidy up is what is tested here. */
function send(port: number, method: string, target: string, headers: Header[], body = ''): Promise<Answer> {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body ? [`Content-Length: ${Buffer.byteLength(body)}`] : []),
    'Connection: close',
  ];
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => {
      const raw = Buffer.concat(chunks).toString();
      const [head = '', ...rest] = raw.split('\r\n\r\n');
      const [first = '', ...fields] = head.split('\r\n');
      const answered = new Headers();
      for (const field of fields)
        answered.append(field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1).trim());
      resolve({ status: Number(first.split(' ')[1]), headers: answered, body: rest.join('\r\n\r\n'), raw });
    });
  });
}

const evil = 'evil.example';
const foreignAddress = '203.0.113.66';

/** What a sender may say about hosts, schemes, addresses and paths that are not theirs to say. */
const claims: [string, Header[]][] = [
  ['X-Forwarded-Host', [['X-Forwarded-Host', evil]]],
  ['X-Forwarded-Host, several', [['X-Forwarded-Host', `${evil}, ${evil}`]]],
  ['X-Forwarded-Proto: https', [['X-Forwarded-Proto', 'https']]],
  ['X-Forwarded-Proto: http', [['X-Forwarded-Proto', 'http']]],
  ['X-Forwarded-Proto: anything', [['X-Forwarded-Proto', `${evil}:`]]],
  [
    'X-Forwarded-Port and -Prefix',
    [
      ['X-Forwarded-Port', '65444'],
      ['X-Forwarded-Prefix', `/${evil}`],
    ],
  ],
  ['Forwarded (RFC 7239)', [['Forwarded', `for=${foreignAddress};host=${evil};proto=https;by=${evil}`]]],
  ['X-Original-URL', [['X-Original-URL', `https://${evil}/token`]]],
  ['X-Rewrite-URL', [['X-Rewrite-URL', `/${evil}`]]],
  [
    'X-Host, X-Original-Host, Via',
    [
      ['X-Host', evil],
      ['X-Original-Host', evil],
      ['Via', `1.1 ${evil}`],
    ],
  ],
  [
    'X-HTTP-Method-Override',
    [
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X-HTTP-Method', 'DELETE'],
    ],
  ],
];

interface House {
  name: string;
  issuer: URL;
  prefix: string;
  inside: TestServer['inside'];
  party: Party;
  apiToken: string;
  userId: string;
}

async function furnish(server: TestServer, port: number, name: string, tenant: Tenant): Promise<House> {
  const issuer = new URL(tenant.issuer(server.services.config.issuer));
  const inside: TestServer['inside'] = (work) =>
    withContext({ tenantId: tenant.id, actor: { type: 'system', id: 'ostiary' } }, () => work(server.services));
  const own = { ...server, inside };
  const party = await makeClient(own);
  const scope = Object.keys(managementScopes).join(' ');
  const machine = await makeClient(own, {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope,
  });
  const prefix = issuer.pathname.replace(/\/$/, '');
  const url = issuer.href.replace(/\/$/, '');
  const form = new URLSearchParams({ grant_type: 'client_credentials', resource: `${url}/api`, scope });
  const basic = Buffer.from(`${machine.clientId}:${machine.clientSecret}`).toString('base64');
  const headers: Header[] = [
    ['Host', issuer.host],
    ['Authorization', `Basic ${basic}`],
    ['Content-Type', 'application/x-www-form-urlencoded'],
  ];
  const { body } = await send(port, 'POST', `${prefix}/token`, headers, form.toString());
  const apiToken = /"access_token":"([^"]+)"/.exec(body)?.[1] ?? '';
  expect(apiToken).not.toBe('');
  return { name, issuer, prefix, inside, party, apiToken, userId: (await makePerson(own)).id };
}

async function initialAccessToken({ inside }: Pick<House, 'inside'>): Promise<string> {
  const handle = randomBytes(32).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const payload = { kind: 'InitialAccessToken', jti: handle, iat, exp: iat + 600 };
  await inside(({ protocol }) =>
    protocol.rows.save(new ProtocolRequest(), { kind: 'InitialAccessToken', handle, payload }),
  );
  return handle;
}

const authorizePath = ({ party }: House, more: Record<string, string> = {}) =>
  `/authorize?${new URLSearchParams({
    client_id: party.clientId,
    response_type: 'code',
    redirect_uri: party.redirectUri,
    scope: 'openid',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    ...more,
  })}`;

describe.each([
  ['http', 'nobody', {}],
  ['https, behind a proxy on a plain port', '127.0.0.1', { TRUST_PROXY: '127.0.0.1' }],
  ['https, with a proxy elsewhere', 'a proxy elsewhere', { TRUST_PROXY: '10.0.0.0/8' }],
] as [string, string, Record<string, string>][])(
  'an %s issuer that trusts %s is what it was configured to be',
  (kind, whom, trust) => {
    const secure = kind.startsWith('https');
    const trusted = trust.TRUST_PROXY === '127.0.0.1';
    let server: TestServer;
    let port: number;
    const houses: House[] = [];

    beforeAll(async () => {
      port = await freePort();
      const ISSUER = secure ? 'https://id.example.com' : `http://localhost:${port}`;
      server = await startServer({ environment: { ISSUER, PORT: String(port), ...trust } });
      const { tenants } = server.services;
      houses.push(
        await furnish(server, port, 'the default tenant', await tenants.ensureDefault()),
        await furnish(server, port, 'a path tenant', await tenants.create({ slug: 'acme', name: 'Acme' })),
        await furnish(
          server,
          port,
          'a host tenant',
          await tenants.create({ slug: 'own', name: 'Own', host: secure ? 'login.acme.example' : `127.0.0.1:${port}` }),
        ),
      );
    }, 180_000);
    afterAll(() => server?.close());

    const urlOf = ({ issuer }: House) => issuer.href.replace(/\/$/, '');

    /** Every kind of answer that has an address in it. */
    async function everyAnswer(house: House, extra: Header[], form: 'origin' | 'absolute' = 'origin') {
      const { issuer, prefix, apiToken, userId } = house;
      const ask = (method: string, path: string, headers: Header[] = [], body = '') =>
        send(
          port,
          method,
          form === 'origin' ? `${prefix}${path}` : `${issuer.origin}${prefix}${path}`,
          [['Host', issuer.host], ...headers, ...extra],
          body,
        );
      const html: Header = ['Accept', 'text/html'];
      const json: Header = ['Content-Type', 'application/json'];
      const urlencoded: Header = ['Content-Type', 'application/x-www-form-urlencoded'];
      const bearer: Header = ['Authorization', `Bearer ${apiToken}`];
      const authorized = await ask('GET', authorizePath(house), [html]);
      const cookie: Header = [
        'Cookie',
        authorized.headers
          .getSetCookie()
          .map((one) => one.split(';')[0])
          .join('; '),
      ];
      const at = new URL(authorized.headers.get('location') ?? 'http://none').pathname.slice(prefix.length);
      const registration = [json, ['Authorization', `Bearer ${await initialAccessToken(house)}`]] as Header[];
      const interaction = await ask('GET', at, [html, cookie]);
      const csrf = /name="csrf" value="([^"]+)"/.exec(interaction.body)?.[1] ?? '';
      const typed = new URLSearchParams({ csrf, username: 'a@example.com' }).toString();
      return {
        discovery: await ask('GET', '/.well-known/openid-configuration'),
        metadata: await ask('GET', '/.well-known/oauth-authorization-server'),
        authorized,
        interaction,
        submitted: await ask('POST', `${at}/login`, [html, cookie, urlencoded], typed),
        unknownClient: await ask('GET', '/authorize?client_id=nobody', [html]),
        refused: await ask('GET', authorizePath(house, { prompt: 'none' })),
        nowhere: await ask('GET', '/nowhere', [html]),
        nowhereJson: await ask('GET', '/nowhere', [['Accept', 'application/json']]),
        token: await ask('POST', '/token', [urlencoded], 'grant_type=client_credentials'),
        userinfo: await ask('GET', '/userinfo', [['Authorization', 'Bearer nonsense']]),
        registered: await ask('POST', '/register', registration, '{"redirect_uris":["https://rp.example/cb"]}'),
        logout: await ask('GET', '/logout', [html]),
        unauthorized: await ask('GET', '/api/v1/clients'),
        problem: await ask('GET', '/api/v1/nothing', [bearer]),
        openapi: await ask('GET', '/api/v1/openapi.json'),
        mail: await ask('POST', `/api/v1/users/${userId}/password-links`, [bearer]),
        setup: await ask('GET', '/setup?token=nonsense', [html]),
      };
    }

    const statuses = (answers: Record<string, Answer>) =>
      Object.fromEntries(Object.entries(answers).map(([name, { status }]) => [name, status]));

    async function mailOf({ inside }: House, count: number): Promise<string[]> {
      for (let left = 400; left > 0; left -= 1) {
        const messages = await inside(({ mail }) => mail.mailbox());
        if (messages.length >= count) return messages.map(({ text }) => text);
        await delay(25);
      }
      throw new Error('no mail came');
    }

    it.each([0, 1, 2])(
      'says the same to everybody: discovery, redirects, cookies, mail, registration, errors, OpenAPI (tenant %#)',
      async (index) => {
        const house = houses[index] as House;
        const url = urlOf(house);
        const usual = await everyAnswer(house, []);
        expect(statuses(usual)).toEqual({
          discovery: 200,
          metadata: 200,
          authorized: 303,
          interaction: 200,
          submitted: 303,
          unknownClient: 400,
          refused: 303,
          nowhere: 404,
          nowhereJson: 404,
          token: 400,
          userinfo: 401,
          registered: 201,
          logout: 200,
          unauthorized: 401,
          problem: 404,
          openapi: 200,
          mail: 202,
          setup: 400,
        });
        let mails = 1;
        const cases: [string, Header[], 'origin' | 'absolute'][] = [
          ...(index === 0 && whom !== 'a proxy elsewhere' ? claims : claims.slice(0, 4)).map(
            ([name, headers]): [string, Header[], 'origin'] => [name, headers, 'origin'],
          ),
          ['all of them', claims.flatMap(([, headers]) => headers), 'origin'],
          ['absolute-form', claims.flatMap(([, headers]) => headers), 'absolute'],
        ];
        for (const [claim, headers, form] of cases) {
          const answers = await everyAnswer(house, headers, form);
          expect({ claim, ...statuses(answers) }).toEqual({ claim, ...statuses(usual) });
          mails += 1;
          for (const [name, { raw }] of Object.entries(answers)) {
            expect([claim, name, raw.includes(evil), raw.includes(':65444')]).toEqual([claim, name, false, false]);
            expect([claim, name, raw.includes(foreignAddress)]).toEqual([claim, name, false]);
          }
          for (const { body } of [answers.discovery, answers.metadata]) {
            const document = JSON.parse(body.replace(/^[0-9a-f]+\r\n|\r\n[0-9a-f]+\r\n/g, '')) as Record<
              string,
              unknown
            >;
            expect(document.issuer).toBe(url);
            for (const [name, value] of Object.entries(document))
              if (/_(endpoint|uri)$/.test(name))
                expect([claim, name, String(value).startsWith(`${url}/`)]).toEqual([claim, name, true]);
          }
          const location = answers.authorized.headers.get('location') ?? '';
          expect(location.startsWith(`${url}/interaction/`)).toBe(true);
          expect(answers.submitted.headers.get('location')).toMatch(/^\/|^https?:/);
          expect(new URL(answers.submitted.headers.get('location') ?? '', url).origin).toBe(house.issuer.origin);
          expect(answers.refused.headers.get('location')).toContain(`iss=${encodeURIComponent(url)}`);
          expect(answers.registered.body).toContain(`"registration_client_uri":"${url}/register/`);
          expect(answers.openapi.body).toContain(`"${url}/api/v1"`);
          for (const cookie of answers.authorized.headers.getSetCookie()) {
            expect(cookie).not.toMatch(/;\s*domain=/i);
            expect([cookie, /;\s*secure/i.test(cookie), /^__(Host|Secure)-/.test(cookie)]).toEqual([
              cookie,
              secure,
              secure,
            ]);
            expect(cookie).toMatch(/;\s*httponly/i);
            expect(cookie).toMatch(/;\s*samesite=lax/i);
            expect(cookie).toMatch(new RegExp(`;\\s*path=${house.prefix}/(interaction|authorize)/`));
          }
        }
        for (const text of await mailOf(house, mails)) {
          expect(text).not.toContain(evil);
          expect(/https?:\S+/.exec(text)?.[0].startsWith(`${url}/password?token=`)).toBe(true);
        }
      },
    );

    it('believes X-Forwarded-For from configured proxies only, for audit and log', async () => {
      const [house] = houses as [House];
      const create = (chain: string) =>
        send(
          port,
          'POST',
          '/api/v1/users',
          [
            ['Host', house.issuer.host],
            ['Authorization', `Bearer ${house.apiToken}`],
            ['Content-Type', 'application/json'],
            ['X-Forwarded-For', chain],
            ['X-Real-IP', '198.51.100.9'],
            ['Forwarded', 'for=198.51.100.9'],
            ['True-Client-IP', '198.51.100.9'],
          ],
          JSON.stringify({ email: `u-${randomBytes(5).toString('hex')}@example.com` }),
        );
      const ipOf = async (chain: string) => {
        const { status, headers } = await create(chain);
        expect(status).toBe(201);
        const rows = (await server.services.db.manager.query('SELECT ip FROM audit_events WHERE request_id = $1', [
          headers.get('x-request-id'),
        ])) as { ip: string }[];
        return [...new Set(rows.map(({ ip }) => ip))];
      };
      expect(await ipOf(foreignAddress)).toEqual([trusted ? foreignAddress : '127.0.0.1']);
      // What stands left of the address the proxy added is the sender's own writing.
      expect(await ipOf(`198.51.100.1, ${foreignAddress}`)).toEqual([trusted ? foreignAddress : '127.0.0.1']);
      const lines = server.log.join('');
      expect(lines.includes(foreignAddress)).toBe(trusted);
      expect(lines).not.toContain('198.51.100.');
    });

    it('refuses every other host before the engine (RFC 9110 §15.5.20)', async () => {
      const [base] = houses as [House];
      const { host } = base.issuer;
      const foreign = [
        evil,
        `${evil}:${port}`,
        `${host}.${evil}`,
        `${evil}.${host}`,
        `${host}@${evil}`,
        `${evil}#${host}`,
        `${host}, ${evil}`,
        `${host}/`,
        `${host}.`,
        `localhost`,
        `[::1]:${port}`,
        '',
        'x'.repeat(300),
      ];
      for (const wrong of foreign) {
        for (const target of [
          '/.well-known/openid-configuration',
          authorizePath(base),
          '/t/acme/token',
          '/interaction/x',
          '/setup',
          '/api/v1/clients',
        ]) {
          const { status, headers, body } = await send(port, 'GET', target, [
            ['Host', wrong],
            ['X-Forwarded-Host', host],
            ['Accept', 'application/json'],
          ]);
          expect([wrong, target, [400, 404, 421].includes(status)]).toEqual([wrong, target, true]);
          expect(headers.getSetCookie()).toEqual([]);
          expect(body).not.toContain(evil);
        }
      }
    });

    it('refuses several Host headers (RFC 9112 §3.2), and takes the authority of an absolute-form (§3.2.2)', async () => {
      const { host } = (houses[0] as House).issuer;
      const path = '/.well-known/openid-configuration';
      for (const two of [
        [host, evil],
        [evil, host],
        [host, host],
      ]) {
        const { status, raw } = await send(
          port,
          'GET',
          path,
          two.map((one): Header => ['Host', one]),
        );
        expect([two, status, raw.includes(evil)]).toEqual([two, 400, false]);
      }
      for (const target of [`http://${evil}${path}`, `https://${evil}${path}`, `http://${host}@${evil}${path}`]) {
        const { status, raw } = await send(port, 'GET', target, [['Host', host]]);
        expect([target, [400, 404, 421].includes(status), raw.includes(evil)]).toEqual([target, true, false]);
      }
      for (const rest of ['//token', '/x/../token', '/Token', '/token/', '\\\\token', '/%74oken']) {
        const { status } = await send(port, 'POST', `http://${host}${rest}`, [['Host', host]]);
        expect([rest, [400, 404, 421].includes(status)]).toEqual([rest, true]);
      }
      for (const target of ['*', `${evil}:443`, 'x:y', '//evil.example/token', '/\\evil.example']) {
        const { status, raw } = await send(port, 'GET', target, [['Host', host]]);
        expect([target, [400, 404].includes(status), raw.includes(evil)]).toEqual([target, true, false]);
      }
    });

    it('answers an issuer at its own address only (RFC 8414 §2)', async () => {
      const [base, , own] = houses as [House, House, House];
      const path = '/.well-known/openid-configuration';
      const ask = async (host: string, target: string) => (await send(port, 'GET', target, [['Host', host]])).status;
      expect(await ask(own.issuer.host, path)).toBe(200);
      expect(await ask(own.issuer.host.toUpperCase(), path)).toBe(200);
      expect(await ask(base.issuer.host.toUpperCase(), path)).toBe(200);
      for (const [host, target] of [
        [own.issuer.host, `/t/acme${path}`],
        [own.issuer.host, `/t/own${path}`],
        [own.issuer.host, '/.well-known/oauth-authorization-server/t/acme'],
        [base.issuer.host, `/t/own${path}`],
        [base.issuer.host, `/t/default${path}`],
        [base.issuer.host, `/t/nobody${path}`],
        [base.issuer.host, '/.well-known/oauth-authorization-server/t/own'],
        [base.issuer.host, '/.well-known/oauth-authorization-server/t/default'],
      ] as const)
        expect([host, target, await ask(host, target)]).toEqual([host, target, 404]);
    });

    it('puts the well-known part before the path of the issuer (RFC 8414 §3.1)', async () => {
      const [base, acme] = houses as [House, House];
      for (const target of [
        '/.well-known/oauth-authorization-server/t/acme',
        '/t/acme/.well-known/openid-configuration',
      ]) {
        const { status, body } = await send(port, 'GET', target, [['Host', base.issuer.host]]);
        expect(status).toBe(200);
        expect(body).toContain(`"issuer":"${urlOf(acme)}"`);
      }
    });

    it('answers 404 where the path is not byte for byte a registered one', async () => {
      const { host } = (houses[0] as House).issuer;
      const paths = [
        ...['/Token', '/TOKEN', '/token/', '//token', '/token//', '/%74oken', '/token%2f', '/token%00', '/token;x=1'],
        ...[
          '/authorize/',
          '/Authorize',
          '/authorize//',
          '/authorize/a/b',
          '/authorize/%2e%2e',
          '/authorize/..%2ftoken',
        ],
        ...['/./token', '/../token', '/x/../token', '/token/.', '/token/..', '/token\\', '\\token'],
        ...[
          '/t/ACME/token',
          '/T/acme/token',
          '/t/acme/token/',
          '/t/acme//token',
          '//t/acme/token',
          '/t//token',
          '/t/acme',
        ],
        ...[
          '/t/acme/',
          '/t/acme/../token',
          '/t/acme/..%2ftoken',
          '/t/acme%2ftoken',
          '/t%2facme/token',
          '/t/%61cme/token',
        ],
        ...['/t/acme/t/acme/token', '/t/acme/t/default/token', '/t/../t/acme/token', '/t/./acme/token'],
        ...[
          '/.well-known/openid-configuration/',
          '/.well-known//openid-configuration',
          '/.WELL-KNOWN/openid-configuration',
        ],
        ...['/.well-known/openid-configuration/t/acme', '/.well-known/oauth-authorization-server/'],
        ...['/.well-known/oauth-authorization-server/t/ACME', '/.well-known/oauth-authorization-server/t/acme/'],
        ...['/.well-known/oauth-authorization-server//t/acme', '/t/acme/.well-known/oauth-authorization-server/t/acme'],
        ...['/jwks/', '/JWKS', '/jwks.json', '/userinfo/', '/Userinfo', '/introspect/', '/revoke/', '/par/', '/Par'],
        ...['/register/', '/Register', '/register/a/b', '/logout/', '/Logout', '/logout/confirm/', '/logout/Confirm'],
        ...['/interaction', '/interaction/', '/Interaction/x', '/interaction/x/', '/Setup', '/setup/', '/Password'],
        ...[
          '/password/',
          '/password/done/',
          '/API/v1/clients',
          '/api/v1/clients/',
          '/api/V1/clients',
          '/api//v1/clients',
        ],
        ...['/api/v1/Clients', '/api/v1', '/api/v1/', '/Healthz', '/healthz/', '/readyz/', '/device', '/backchannel'],
      ];
      for (const path of paths) {
        for (const method of ['GET', 'POST']) {
          const answer = await send(
            port,
            method,
            path,
            [
              ['Host', host],
              ['Accept', 'application/json'],
              ['Content-Type', 'application/x-www-form-urlencoded'],
            ],
            method === 'POST' ? 'grant_type=client_credentials' : '',
          );
          // A backslash is no part of a request-target (RFC 9112 §3.2), so 400 will do.
          const right = path.startsWith('\\') ? [400, 404] : [404];
          expect([method, path, right.includes(answer.status) ? 'refused' : answer.status]).toEqual([
            method,
            path,
            'refused',
          ]);
          expect(answer.headers.getSetCookie()).toEqual([]);
          expect(answer.body).not.toMatch(/"error":"(?!not_found)/);
        }
      }
    });
  },
);

describe.each([
  ['http', 'tenants.example', ''],
  ['https', 'id.example.com', 'https://id.example.com'],
  ['https, the installation beside them', 'example.com', 'https://id.example.com'],
])('tenants as names below a domain (%s)', (_kind, domain, issuer) => {
  let server: TestServer;
  let port: number;
  let suffix: string;
  const path = '/.well-known/openid-configuration';
  const ask = (host: string, target = path, more: Header[] = []) =>
    send(port, 'GET', target, [['Host', host], ['Accept', 'text/html, application/json'], ...more]);

  beforeAll(async () => {
    port = await freePort();
    server = await startServer({
      environment: {
        ISSUER: issuer || `http://localhost:${port}`,
        PORT: String(port),
        TENANT_DOMAIN: domain,
        ...(issuer ? { TRUST_PROXY: '127.0.0.1' } : {}),
      },
    });
    suffix = `.${domain}${issuer ? '' : `:${port}`}`;
    const { tenants } = server.services;
    await tenants.create({ slug: 'acme', name: 'Acme' });
    await tenants.create({ slug: 'named', name: 'Named', host: 'login.named.example' });
    await tenants.suspend(await tenants.create({ slug: 'paused', name: 'Paused' }));
  }, 180_000);
  afterAll(() => server?.close());

  it('answers as one issuer, there and nowhere else', async () => {
    const { status, body } = await ask(`acme${suffix}`);
    expect(status).toBe(200);
    const url = `${issuer ? 'https' : 'http'}://acme${suffix}`;
    expect(JSON.parse(body)).toMatchObject({ issuer: url, token_endpoint: `${url}/token` });
    expect((await ask(`ACME${suffix.toUpperCase()}`)).status).toBe(200);
    const base = new URL(server.issuer).host;
    expect(JSON.parse((await ask(base)).body)).toMatchObject({ issuer: server.issuer });
    for (const target of [`/t/acme${path}`, '/.well-known/oauth-authorization-server/t/acme'])
      for (const host of [base, `acme${suffix}`])
        expect([target, host, (await ask(host, target)).status]).toEqual([target, host, 404]);
  });

  it('lets a host of its own win', async () => {
    expect(JSON.parse((await ask('login.named.example')).body).issuer).toMatch(/:\/\/login\.named\.example$/);
    expect((await ask(`named${suffix}`)).status).toBe(404);
  });

  it.each([
    'nobody',
    'default',
    'paused',
    'a.b',
    'acme.acme',
    '',
    'xn--bcher-kva',
    'b\u00fccher',
    '-',
    'x'.repeat(64),
    'acme%2e',
  ])('answers the page 404 to the unknown name %j', async (name) => {
    const { status, body, headers } = await ask(`${name}${suffix}`, '/authorize');
    expect([status, headers.get('content-type')]).toEqual([404, expect.stringContaining('text/html')]);
    expect(headers.getSetCookie()).toEqual([]);
    if (name.length > 4) expect(body).not.toContain(name);
  });

  it('refuses every other host, whatever it looks like (RFC 9110 §15.5.20)', async () => {
    const names = [
      `acme.${domain}.`,
      `acme.${domain}:1`,
      `acme.${domain}.evil.example`,
      `acmeX${domain}`,
      `evil.example#${suffix}.x`,
      `${'a.'.repeat(200)}example`,
      domain.split('.').slice(1).join('.'),
      'xn--.example',
    ];
    for (const name of names) {
      const { status, body } = await ask(name);
      expect([name, [400, 421].includes(status), body.includes('evil')]).toEqual([name, true, false]);
    }
    // Claimed in another header, it changes nothing.
    const { body } = await ask(new URL(server.issuer).host, path, [['X-Forwarded-Host', `acme${suffix}`]]);
    expect(JSON.parse(body).issuer).toBe(server.issuer);
  });

  it('gives no name twice: neither the installation’s nor what is somebody’s host (RFC 8414 §2)', async () => {
    const { tenants, db } = server.services;
    // As one who had the host before there was a domain.
    await tenants.create({ slug: 'older', name: 'Older', host: 'older.example' });
    await db.manager.query(`UPDATE tenants SET host = $1 WHERE slug = 'older'`, [`early${suffix}`]);
    await expect(tenants.create({ slug: 'early', name: 'E' })).rejects.toMatchObject({ status: 409 });
    const late = await tenants.create({ slug: 'late', name: 'L', host: 'late.example' });
    await db.manager.query(`UPDATE tenants SET host = $1 WHERE slug = 'older'`, [`late${suffix}`]);
    await expect(tenants.update(late, { host: null })).rejects.toMatchObject({ status: 409 });
    const base = new URL(server.issuer).host;
    const beside = base.endsWith(suffix) ? base.slice(0, -suffix.length) : undefined;
    if (beside) await expect(tenants.create({ slug: beside, name: 'B' })).rejects.toMatchObject({ status: 422 });
    expect((await tenants.list()).map((tenant) => tenants.issuerOf(tenant))).toHaveLength(
      new Set((await tenants.list()).map((tenant) => tenants.issuerOf(tenant))).size,
    );
  });

  it('keeps names below the domain for their tenants', async () => {
    const { tenants } = server.services;
    for (const host of [`mine.${domain}`, `${domain}`, `acme.${domain}:8080`])
      await expect(
        Promise.resolve().then(() => tenants.create({ slug: 'thief', name: 'T', host })),
      ).rejects.toMatchObject({
        status: 422,
      });
  });
});

describe('limits count the address that is known, not the one that is claimed (OWASP ASVS 5.0 V2.4)', () => {
  const roomy = Object.fromEntries(
    Object.entries(limits).map(([name, { seconds }]) => [name, { points: 100_000, seconds }]),
  );

  it.each([
    ['nobody', {}, [401, 401, 401, 429, 429]],
    ['the proxy', { TRUST_PROXY: '127.0.0.1' }, [401, 401, 401, 401, 401]],
    ['a proxy elsewhere', { TRUST_PROXY: '10.0.0.0/8' }, [401, 401, 401, 429, 429]],
  ] as [string, Record<string, string>, number[]][])('where %s is trusted', async (_whom, trust, expected) => {
    const server = await startServer({
      // Counters of its own where other suites count in the same Redis.
      environment: { COOKIE_KEYS: randomBytes(24).toString('hex'), ...trust },
      overrides: { limits: { ...roomy, protocolFailures: { points: 3, seconds: 60 } } as never },
    });
    try {
      const { port, host } = new URL(server.issuer);
      const seen: number[] = [];
      for (const last of [1, 2, 3, 4, 5]) {
        const headers: Header[] = [
          ['Host', host],
          ['Content-Type', 'application/x-www-form-urlencoded'],
          ['Authorization', `Basic ${Buffer.from('nobody:nothing').toString('base64')}`],
          ['X-Forwarded-For', `203.0.113.${last}`],
          ['X-Real-IP', `203.0.113.${last}`],
          ['Forwarded', `for=203.0.113.${last}`],
        ];
        seen.push((await send(Number(port), 'POST', '/token', headers, 'grant_type=client_credentials')).status);
      }
      expect(seen).toEqual(expected);
    } finally {
      await server.close();
    }
  });
});
