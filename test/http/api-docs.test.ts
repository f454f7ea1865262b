// The management API in a browser: a page of our own, files of our own, and a client that can do nothing but sign in for that page.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { request as rawRequest } from 'undici';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { codeOf, errorOf, makePerson, pkce, signIn } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const CLIENT = 'ostiary-api-docs';

describe('the management API in the browser', () => {
  let server: TestServer;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    const person = await makePerson(server);
    email = person.email;
    await server.inside(async ({ users }) => users.setRoles(await users.find(person.id), ['ADMIN']));
  }, 180_000);
  afterAll(() => server?.close());

  const redirect = () => `${server.issuer}/api/docs/oauth2-redirect.html`;
  const request = (challenge: string, more: Record<string, string> = {}) =>
    `${server.issuer}/authorize?${new URLSearchParams({
      client_id: CLIENT,
      response_type: 'code',
      redirect_uri: redirect(),
      scope: 'users:read',
      state: 'abc',
      resource: `${server.issuer}/api`,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...more,
    })}`;
  const token = async (form: Record<string, string>) => {
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: { origin: new URL(server.issuer).origin },
      body: new URLSearchParams({ client_id: CLIENT, ...form }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const redeemed = async (more: Record<string, string> = {}, form: Record<string, string> = {}) => {
    const { verifier, challenge } = pkce();
    const page = await signIn(new Browser(), request(challenge, more), email);
    const code = codeOf(page);
    return token({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirect(),
      code_verifier: verifier,
      ...form,
    });
  };

  describe('the page', () => {
    it('runs, loads, asks and frames nothing but what lies at this origin', async () => {
      const page = await fetch(`${server.issuer}/api/docs`);
      const html = await page.text();
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('x-frame-options')).toBe('DENY');
      const policy = page.headers.get('content-security-policy') ?? '';
      for (const directive of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
      ])
        expect(policy.split('; ')).toContain(directive);
      expect(policy).not.toContain('unsafe');
      expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc="\/assets\/)/i);
    });

    it('takes no document, setting or server from its address', async () => {
      const plain = await (await fetch(`${server.issuer}/api/docs`)).text();
      const query = 'url=https://evil.example/openapi.json&configUrl=https://evil.example/&oauth2RedirectUrl=x';
      const asked = await (await fetch(`${server.issuer}/api/docs?${query}`)).text();
      expect(asked).toBe(plain);
      const script = await (await fetch(new URL(/"([^"]*api-docs\.js)"/.exec(plain)?.[1] ?? '', server.issuer))).text();
      expect(script).toContain('queryConfigEnabled: false');
      expect(script).toContain('persistAuthorization: false');
      expect(script).not.toMatch(/localStorage|sessionStorage|location/);
    });

    it('names its files by their content, and they come compressed, to be kept', async () => {
      const html = await (await fetch(`${server.issuer}/api/docs`)).text();
      const files = [...html.matchAll(/"(\/assets\/api-docs\/[^"]+)"/g)].map(([, path]) => path ?? '');
      expect(files.map((path) => path.replace(/[0-9a-f]{10}/, ''))).toEqual([
        '/assets/api-docs/-swagger-ui.css',
        '/assets/api-docs/-swagger-ui-bundle.js',
      ]);
      for (const path of files) {
        const answer = await fetch(new URL(path, server.issuer), { headers: { 'accept-encoding': 'br' } });
        expect(answer.headers.get('content-encoding')).toBe('br');
        expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
        expect((await answer.text()).length).toBeGreaterThan(100_000);
        // As fetch would not: it asks caches for nothing where the validator is its caller's.
        const headers = { 'accept-encoding': 'br', 'if-none-match': answer.headers.get('etag') ?? '' };
        expect((await rawRequest(new URL(path, server.issuer), { headers })).statusCode).toBe(304);
      }
    });

    it.each(['index.html', 'swagger-initializer.js', 'package.json', 'oauth2-redirect.html', '..%2fpackage.json'])(
      'serves no other file of the package: %s',
      async (name) => {
        expect((await fetch(`${server.issuer}/assets/api-docs/${name}`)).status).toBe(404);
      },
    );

    it('shows the document of the tenant that is asked, with its own endpoints', async () => {
      const maker = await tokenWith(server, 'tenants:write');
      await ask(server, maker, 'post', '/tenants', { slug: 'acme', name: 'Acme' });
      const acme = `${server.issuer}/t/acme`;
      const html = await (await fetch(`${acme}/api/docs`)).text();
      expect(html).toContain(`data-url="${acme}/api/v1/openapi.json"`);
      expect(html).toContain(`data-resource="${acme}/api"`);
      for (const issuer of [server.issuer, acme]) {
        const served = (await (await fetch(`${issuer}/api/v1/openapi.json`)).json()) as Record<string, unknown>;
        expect(await new Validator().validate(served)).toMatchObject({ valid: true });
      }
      const { components } = (await (await fetch(`${acme}/api/v1/openapi.json`)).json()) as {
        components: { securitySchemes: { oauth2: { flows: Record<string, Record<string, string>> } } };
      };
      expect(components.securitySchemes.oauth2.flows.authorizationCode).toMatchObject({
        authorizationUrl: `${acme}/authorize`,
        tokenUrl: `${acme}/token`,
      });
      const elsewhere = request(pkce().challenge).replace('/authorize?', '/t/acme/authorize?');
      const page = await new Browser().open(elsewhere);
      expect([page.status, new URL(page.url).pathname]).toEqual([400, '/t/acme/authorize']);
    });
  });

  describe('its client (RFC 6749, RFC 7636, RFC 8707)', () => {
    it('gets a token of the management API with the scopes that were asked for, and no other', async () => {
      const { status, body } = await redeemed({}, { resource: `${server.issuer}/api` });
      expect([status, body.scope, body.token_type]).toEqual([200, 'users:read', 'Bearer']);
      expect(body.refresh_token).toBeUndefined();
      expect((await ask(server, body.access_token, 'get', '/users')).status).toBe(200);
      expect((await ask(server, body.access_token, 'get', '/clients')).status).toBe(403);
    });

    it('gets no more because more was ticked before', async () => {
      await redeemed({ scope: 'users:read clients:read' }, { resource: `${server.issuer}/api` });
      const { body } = await redeemed({}, { resource: `${server.issuer}/api` });
      expect(body.scope).toBe('users:read');
    });

    it('turns no session that is older than ten minutes into a token, whatever max_age says', async () => {
      const person = await makePerson(server);
      const browser = new Browser();
      const { verifier, challenge } = pkce();
      await signIn(browser, request(challenge), person.email);
      codeOf(await browser.open(request(challenge)));
      await server.services.db.manager.query(
        `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
        [person.id],
      );
      const scope = 'openid users:read';
      for (const more of [{}, { scope, max_age: '31536000' }, { scope, prompt: 'consent' }] as Record<
        string,
        string
      >[]) {
        const page = await browser.open(request(challenge, more));
        expect([more, page.status, new URL(page.url).search]).toEqual([more, 200, '']);
        expect(page.html).toMatch(/name="(username|password)"/);
      }
      expect(errorOf(await browser.open(request(challenge, { prompt: 'none' })))).toBe('login_required');
      const code = codeOf(await signIn(browser, request(challenge), person.email));
      const redeemedAnew = { code, redirect_uri: redirect(), code_verifier: verifier };
      expect((await token({ grant_type: 'authorization_code', ...redeemedAnew })).status).toBe(200);
    });

    it('asks for nothing by the address of a browser where the tenant wants every request pushed (RFC 9126 §5)', async () => {
      const change = (value: boolean) =>
        server.inside(async ({ tenants }) => {
          const tenant = await tenants.current();
          const protocol = { ...tenant.settings.protocol, require_pushed_authorization_requests: value };
          await tenants.update(tenant, { settings: { protocol } } as never);
        });
      await change(true);
      try {
        expect(errorOf(await new Browser().open(request(pkce().challenge)))).toBe('invalid_request');
      } finally {
        await change(false);
      }
    });

    it('opens nothing to a person whose roles open nothing', async () => {
      const stranger = await makePerson(server);
      const { verifier, challenge } = pkce();
      const page = await signIn(new Browser(), request(challenge), stranger.email);
      const { body } = await token({
        grant_type: 'authorization_code',
        code: codeOf(page),
        redirect_uri: redirect(),
        code_verifier: verifier,
        resource: `${server.issuer}/api`,
      });
      expect((await ask(server, body.access_token, 'get', '/users')).status).toBe(403);
    });

    it.each(['https://evil.example/', '/api/docs', '/api/docs/oauth2-redirect.html?a=b', '/account/signed-in'])(
      'is answered at its own page only, not at %s',
      async (to) => {
        const redirect_uri = to.startsWith('/') ? server.issuer + to : to;
        const page = await new Browser().open(request(pkce().challenge, { redirect_uri }));
        expect([page.status, new URL(page.url).pathname]).toEqual([400, '/authorize']);
      },
    );

    it.each(['token', 'id_token', 'none', 'code id_token'])('gets no %s', async (response_type) => {
      const page = await new Browser().open(request(pkce().challenge, { response_type, nonce: 'n' }));
      expect(page.url).not.toMatch(/[?&#](code|token|id_token)=/);
    });

    it('gets no code without a challenge, and no token without its verifier', async () => {
      const bare = new URL(request(''));
      bare.searchParams.delete('code_challenge');
      bare.searchParams.delete('code_challenge_method');
      expect(errorOf(await new Browser().open(bare.href))).toBe('invalid_request');
      expect((await redeemed({}, { code_verifier: 'v'.repeat(43) })).body.error).toBe('invalid_grant');
    });

    it.each<Record<string, string>>([
      { grant_type: 'refresh_token', refresh_token: 'x' },
      { grant_type: 'client_credentials', scope: 'users:read' },
      { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'x' },
      { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: 'x' },
    ])('is not allowed another grant: $grant_type', async (form) => {
      expect((await token(form)).status).toBe(400);
    });

    it('is for the management API alone, whatever scopes another resource has', async () => {
      const identifier = 'https://other.example/api';
      const writer = await tokenWith(server, 'resources:write');
      const scopes = [{ name: 'users:read', description: 'The same word' }];
      const made = await ask(server, writer, 'post', '/resources', { identifier, name: 'Other', scopes });
      expect(made.status).toBe(201);
      const page = await signIn(new Browser(), request(pkce().challenge, { resource: identifier }), email);
      expect(errorOf(page)).toBe('invalid_target');
      expect((await redeemed({}, { resource: identifier })).body.error).toBe('invalid_target');
    });

    it('stands in no list, and nobody registers, changes or deletes it', async () => {
      const api = await tokenWith(server, 'clients:read clients:write');
      const { body } = await ask(server, api, 'get', '/clients');
      expect(JSON.stringify(body)).not.toContain(CLIENT);
      expect((await ask(server, api, 'delete', `/clients/${CLIENT}`)).status).toBe(404);
      expect((await ask(server, api, 'patch', `/clients/${CLIENT}`, { client_name: 'Mine' })).status).toBe(404);
    });
  });

  it('is turned off by API_DOCS=off: no page, no file, no client', async () => {
    const off = await startServer({ environment: { API_DOCS: 'off' } });
    try {
      for (const path of ['/api/docs', '/api/docs/oauth2-redirect.html', '/assets/api-docs/swagger-ui.css'])
        expect([path, (await fetch(off.issuer + path)).status]).toEqual([path, 404]);
      const asked = request(pkce().challenge).replaceAll(
        encodeURIComponent(server.issuer),
        encodeURIComponent(off.issuer),
      );
      const page = await new Browser().open(asked.replace(server.issuer, off.issuer));
      expect([page.status, new URL(page.url).pathname]).toEqual([400, '/authorize']);
      expect((await fetch(`${off.issuer}/api/v1/openapi.json`)).status).toBe(200);
    } finally {
      await off.close();
    }
  }, 180_000);
});
