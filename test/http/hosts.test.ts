import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  authorizePath,
  claims,
  everyAnswer,
  evil,
  foreignAddress,
  furnish,
  type House,
} from '../support/host-claims.js';
import { type Answer, type Header, send } from '../support/raw-request.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

/** Near to one that is registered, and none: another case, a slash more, a step up, a byte that is spelled otherwise. */
const unregisteredPaths = String.raw`
  /Token /TOKEN /token/ //token /token// /%74oken /token%2f /token%00 /token;x=1 /authorize/ /Authorize
  /authorize// /authorize/a/b /authorize/%2e%2e /authorize/..%2ftoken /./token /../token /x/../token /token/.
  /token/.. /token\ \token /t/ACME/token /T/acme/token /t/acme/token/ /t/acme//token //t/acme/token /t//token
  /t/acme /t/acme/ /t/acme/../token /t/acme/..%2ftoken /t/acme%2ftoken /t%2facme/token /t/%61cme/token
  /t/acme/t/acme/token /t/acme/t/default/token /t/../t/acme/token /t/./acme/token
  /.well-known/openid-configuration/ /.well-known//openid-configuration /.WELL-KNOWN/openid-configuration
  /.well-known/openid-configuration/t/acme /.well-known/oauth-authorization-server/
  /.well-known/oauth-authorization-server/t/ACME /.well-known/oauth-authorization-server/t/acme/
  /.well-known/oauth-authorization-server//t/acme /t/acme/.well-known/oauth-authorization-server/t/acme /jwks/
  /JWKS /jwks.json /userinfo/ /Userinfo /introspect/ /revoke/ /par/ /Par /register/ /Register /register/a/b
  /logout/ /Logout /logout/confirm/ /logout/Confirm /interaction /interaction/ /Interaction/x /interaction/x/
  /Setup /setup/ /Password /password/ /password/done/ /API/v1/clients /api/v1/clients/ /api/V1/clients
  /api//v1/clients /api/v1/Clients /api/v1 /api/v1/ /Healthz /healthz/ /readyz/ /device/ /Device /backchannel/ /device_authorization/
`
  .trim()
  .split(/\s+/);

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
        await furnish(server, port, await tenants.ensureDefault()),
        await furnish(server, port, await tenants.create({ slug: 'acme', name: 'Acme' })),
        await furnish(
          server,
          port,
          await tenants.create({ slug: 'own', name: 'Own', host: secure ? 'login.acme.example' : `127.0.0.1:${port}` }),
        ),
      );
    }, 180_000);
    afterAll(() => server?.close());

    const urlOf = ({ issuer }: House) => issuer.href.replace(/\/$/, '');

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
      for (const path of unregisteredPaths) {
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
