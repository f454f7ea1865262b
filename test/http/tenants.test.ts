import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { ProtocolRequest } from '../../src/features/protocol/request.js';
import type { Tenant } from '../../src/features/tenants/tenant.entity.js';
import { managementScopes } from '../../src/management.js';
import { withContext } from '../../src/platform/context.js';
import { Browser } from '../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  introspect,
  makeClient,
  makePerson,
  type Party,
  password,
  pkce,
  post,
  redeem,
  refresh,
  signIn,
  type TokenAnswer,
  tokensFor,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

const email = 'maria@example.com';
const shelved = 'jonas@example.com';

/** One tenant, with everything it has given out. */
interface House {
  server: TestServer;
  party: Party;
  apiToken: string;
  userId: string;
  browser: Browser;
  tokens: Record<string, string>;
  initialAccessToken: string;
  setupToken: string;
  passwordToken: string;
  registered: { client_id: string; client_secret: string; registration_access_token: string };
}

/** The server as one of its tenants sees it. */
const at = (server: TestServer, tenant: Tenant): TestServer => ({
  ...server,
  issuer: tenant.issuer(server.services.config.issuer),
  inside: (work) =>
    withContext({ tenantId: tenant.id, actor: { type: 'system', id: 'ostiary' } }, () => work(server.services)),
});

async function furnish(server: TestServer): Promise<House> {
  const person = await makePerson(server, email);
  const party = await makeClient(server);
  const machine = await makeClient(server, {
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    scope: Object.keys(managementScopes).join(' '),
  });
  const api = await post(server, '/token', machine, {
    grant_type: 'client_credentials',
    resource: `${server.issuer}/api`,
    scope: Object.keys(managementScopes).join(' '),
  });
  expect(api.status).toBe(200);
  const { browser, ...tokens } = await tokensFor(server, party, email);
  // A second account in the same browser: the first one goes to the shelf.
  const second = await makePerson(server, shelved);
  const choice = authorizationUrl(server, party, pkce(), { prompt: 'select_account' });
  const page = await browser.submit(await browser.open(choice), { account: 'other' });
  expect(codeOf(await signIn(browser, page.url, second.email))).toBeTruthy();
  const initialAccessToken = randomBytes(32).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  const payload = { kind: 'InitialAccessToken', jti: initialAccessToken, iat, exp: iat + 600 };
  const [setupToken, passwordToken] = await server.inside(async ({ protocol, oneTimeTokens }) => {
    await protocol.rows.save(new ProtocolRequest(), {
      kind: 'InitialAccessToken',
      handle: initialAccessToken,
      payload,
    });
    return [
      await oneTimeTokens.issue('setup', 'administrator', { data: {} }),
      await oneTimeTokens.issue('password_reset', person.id, { data: { email } }),
    ];
  });
  const registration = await register(server, initialAccessToken);
  expect(registration.status).toBe(201);
  return {
    server,
    party,
    apiToken: String(api.body.access_token),
    userId: person.id,
    browser: browser as unknown as Browser,
    tokens,
    initialAccessToken,
    setupToken: setupToken ?? '',
    passwordToken: passwordToken ?? '',
    registered: (await registration.json()) as House['registered'],
  };
}

const register = (server: TestServer, token: string) =>
  fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ redirect_uris: ['https://rp.example/cb'], client_name: 'Dynamic' }),
  });

const api = (server: TestServer, token: string, method: string, path: string, body?: object) =>
  fetch(`${server.issuer}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

const refused = ({ status, body }: TokenAnswer, error: string) => {
  expect({ status, error: body.error }).toEqual({ status: error === 'invalid_client' ? 401 : 400, error });
};

describe('issuers share nothing but the server (RFC 8414 §2, RFC 9700 §2.3)', () => {
  let server: TestServer;
  const houses = new Map<string, House>();

  beforeAll(async () => {
    // Every address of 127/8 is this machine: hosts that need no DNS.
    server = await startServer({ environment: { HOST: '0.0.0.0' } });
    const { port } = new URL(server.issuer);
    const { tenants } = server.services;
    houses.set('the default tenant', await furnish(server));
    for (const [name, input] of [
      ['the path tenant acme', { slug: 'acme' }],
      ['the path tenant bolt', { slug: 'bolt' }],
      ['the host tenant 127.0.0.1', { slug: 'own', host: `127.0.0.1:${port}` }],
      ['the host tenant 127.0.0.2', { slug: 'two', host: `127.0.0.2:${port}` }],
    ] as const)
      houses.set(name, await furnish(at(server, await tenants.create({ name, ...input }))));
  }, 60_000);
  afterAll(() => server?.close());

  const names = [
    'the default tenant',
    'the path tenant acme',
    'the path tenant bolt',
    'the host tenant 127.0.0.1',
    'the host tenant 127.0.0.2',
  ];
  const [base, acme, bolt, own, two] = names as [string, string, string, string, string];
  const directions = [
    [base, acme],
    [acme, base],
    [acme, bolt],
    [own, acme],
    [acme, own],
    [own, two],
  ];

  it.each(names)('%s works by itself: its own artefacts are accepted', async (name) => {
    const { server: here, party, tokens, apiToken, registered, browser, userId } = house(name);
    expect((await introspect(here, party, String(tokens.access_token))).body).toMatchObject({
      active: true,
      iss: here.issuer,
      sub: userId,
    });
    const jwks = createLocalJWKSet((await (await fetch(`${here.issuer}/jwks`)).json()) as JSONWebKeySet);
    await jwtVerify(String(tokens.id_token), jwks, { issuer: here.issuer, audience: party.clientId });
    expect((await api(here, apiToken, 'GET', `/users/${userId}`)).status).toBe(200);
    const read = await fetch(`${here.issuer}/register/${registered.client_id}`, {
      headers: { authorization: `Bearer ${registered.registration_access_token}` },
    });
    expect(read.status).toBe(200);
    Object.assign(registered, await read.json());
    const silent = await browser.open(authorizationUrl(here, party, pkce(), { prompt: 'none' }));
    expect(new URL(silent.url).searchParams.get('iss')).toBe(here.issuer);
    expect(codeOf(silent)).toBeTruthy();
  });

  it('gives each issuer keys of its own (RFC 7517)', async () => {
    const kids = await Promise.all(
      names.map(async (name) => {
        const { keys } = (await (await fetch(`${house(name).server.issuer}/jwks`)).json()) as JSONWebKeySet;
        return keys.map(({ kid }) => kid);
      }),
    );
    expect(new Set(kids.flat()).size).toBe(kids.flat().length);
  });

  const house = (name: string): House => houses.get(name) as House;

  describe.each(directions)('what %s gave out is nothing to %s', (from, to) => {
    let a: House;
    let b: House;
    beforeAll(() => {
      a = house(from);
      b = house(to);
    });

    it('client_id and client_secret (RFC 6749 §2.3.1), at every endpoint that takes them', async () => {
      for (const foreign of [
        a.party,
        { ...a.party, clientId: a.registered.client_id, clientSecret: a.registered.client_secret },
      ]) {
        for (const path of ['/token', '/introspect', '/revoke', '/par'])
          refused(
            await post(b.server, path, foreign, { grant_type: 'client_credentials', token: 'x' }),
            'invalid_client',
          );
        // The id of here with the secret from there, and the other way about.
        refused(
          await post(b.server, '/token', { ...b.party, clientSecret: foreign.clientSecret }, {}),
          'invalid_client',
        );
        refused(
          await post(b.server, '/token', { ...foreign, clientSecret: b.party.clientSecret }, {}),
          'invalid_client',
        );
        const page = await new Browser().open(authorizationUrl(b.server, foreign, pkce()));
        expect([page.status, page.html.includes('<form')]).toEqual([400, false]);
      }
    });

    it('authorization codes (RFC 6749 §4.1.3), and the code is not burnt', async () => {
      const proof = pkce();
      const page = await a.browser.open(authorizationUrl(a.server, a.party, proof, { prompt: 'none' }));
      refused(await redeem(b.server, b.party, codeOf(page), proof), 'invalid_grant');
      refused(await redeem(b.server, a.party, codeOf(page), proof), 'invalid_client');
      expect((await redeem(a.server, a.party, codeOf(page), proof)).status).toBe(200);
    });

    it('refresh tokens (RFC 6749 §6), and the family lives on', async () => {
      const token = String(a.tokens.refresh_token);
      refused(await refresh(b.server, b.party, token), 'invalid_grant');
      expect((await introspect(b.server, b.party, token)).body).toEqual({ active: false });
      expect((await post(b.server, '/revoke', b.party, { token })).status).toBe(200);
      const next = await refresh(a.server, a.party, token);
      expect(next.status).toBe(200);
      a.tokens.refresh_token = String(next.body.refresh_token);
      a.tokens.access_token = String(next.body.access_token);
    });

    it('access tokens: userinfo, introspection, revocation, API, registration (RFC 6750, RFC 7662, RFC 7009)', async () => {
      const token = String(a.tokens.access_token);
      for (const bearer of [token, a.apiToken, a.registered.registration_access_token]) {
        const userinfo = await fetch(`${b.server.issuer}/userinfo`, { headers: { authorization: `Bearer ${bearer}` } });
        expect(userinfo.status).toBe(401);
        expect((await introspect(b.server, b.party, bearer)).body).toEqual({ active: false });
        expect((await post(b.server, '/revoke', b.party, { token: bearer })).status).toBe(200);
        expect((await api(b.server, bearer, 'GET', '/clients')).status).toBe(401);
        expect((await api(b.server, bearer, 'POST', '/users', { email: 'x@example.com' })).status).toBe(401);
        expect((await register(b.server, bearer)).status).toBe(401);
      }
      expect((await introspect(a.server, a.party, token)).body.active).toBe(true);
      expect((await api(a.server, a.apiToken, 'GET', '/clients')).status).toBe(200);
    });

    it('the audience of the other API cannot be asked for (RFC 8707 §2)', async () => {
      const machine = await makeClient(b.server, {
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        scope: 'users:read',
      });
      const form = { grant_type: 'client_credentials', resource: `${a.server.issuer}/api`, scope: 'users:read' };
      refused(await post(b.server, '/token', machine, form), 'invalid_target');
    });

    it('initial and registration access tokens (RFC 7591 §3, RFC 7592 §2)', async () => {
      expect((await register(b.server, a.initialAccessToken)).status).toBe(401);
      const { client_id, registration_access_token } = a.registered;
      for (const id of [client_id, b.registered.client_id, a.party.clientId, b.party.clientId]) {
        for (const method of ['GET', 'PUT', 'DELETE']) {
          const answer = await fetch(`${b.server.issuer}/register/${id}`, {
            method,
            headers: { authorization: `Bearer ${registration_access_token}`, 'content-type': 'application/json' },
            ...(method === 'PUT'
              ? { body: JSON.stringify({ client_id: id, redirect_uris: ['https://x.example'] }) }
              : {}),
          });
          expect([method, answer.status]).toEqual([method, 401]);
        }
      }
    });

    it('a pushed request_uri (RFC 9126 §2.2), with either client', async () => {
      const parameters = Object.fromEntries(new URL(authorizationUrl(a.server, a.party, pkce())).searchParams);
      const { status, body } = await post(a.server, '/par', a.party, parameters);
      expect(status).toBe(201);
      for (const { clientId } of [a.party, b.party]) {
        const query = new URLSearchParams({ client_id: clientId, request_uri: String(body.request_uri) });
        const page = await new Browser().open(`${b.server.issuer}/authorize?${query}`);
        expect(page.html).not.toContain('<form');
        expect(page.url).not.toContain('code=');
      }
      const query = new URLSearchParams({ client_id: a.party.clientId, request_uri: String(body.request_uri) });
      const page = await new Browser().open(`${a.server.issuer}/authorize?${query}`);
      expect(page.html).toContain('name="username"');
    });

    it('session, shelf, interaction and resume cookies, under either name', async () => {
      const cookies = [...a.browser.cookies.values()].filter(({ name }) => /^ostiary_/.test(name));
      expect(cookies.map(({ name }) => name)).toContainEqual(expect.stringMatching(/^ostiary_[a-z]+_more$/));
      const waiting = new Browser();
      const page = await waiting.open(authorizationUrl(a.server, a.party, pkce()));
      const uid = /interaction\/([\w-]+)/.exec(page.url)?.[1] ?? '';
      const nameOf = ({ browser }: House) =>
        [...browser.cookies.values()]
          .map(({ name }) => name)
          .find((name) => /^ostiary_(default|acme|bolt|own|two)$/.test(name)) ?? '';
      expect(nameOf(b)).not.toBe('');
      const all = [...cookies, ...waiting.cookies.values()];
      const renamed = all.map(({ name, value }) => ({ name: name.replace(nameOf(a), nameOf(b)), value }));
      const cookie = [...all, ...renamed].map(({ name, value }) => `${name}=${value}`).join('; ');
      const ask = (path: string, init: RequestInit = {}) =>
        fetch(`${b.server.issuer}${path}`, {
          ...init,
          redirect: 'manual',
          headers: { cookie, accept: 'text/html', origin: new URL(b.server.issuer).origin },
        });
      const url = authorizationUrl(b.server, b.party, pkce(), { prompt: 'none' });
      const silent = await ask(url.slice(b.server.issuer.length));
      expect(silent.headers.get('location')).toContain('error=login_required');
      for (const path of [`/interaction/${uid}`, `/interaction/${uid}/switch`, `/authorize/${uid}`])
        expect([path, (await ask(path)).status]).toEqual([path, 400]);
      const form = new URLSearchParams({ username: email, password });
      const login = await ask(`/interaction/${uid}/login`, { method: 'POST', body: form });
      expect(login.status).toBe(400);
      // Chosen from the shelf: not one account is known here.
      const thief = new Browser();
      for (const { name, value } of [...cookies, ...renamed]) thief.cookies.set(name, { name, value, path: '/' });
      const chooser = await thief.open(authorizationUrl(b.server, b.party, pkce(), { prompt: 'select_account' }));
      expect(chooser.html).toContain('name="username"');
      for (const address of [email, shelved]) expect(chooser.html).not.toContain(address);
      const logout = await ask('/logout');
      expect(await logout.text()).not.toMatch(new RegExp(`${email}|${shelved}`));
      const still = await a.browser.open(authorizationUrl(a.server, a.party, pkce(), { prompt: 'none' }));
      expect(codeOf(still)).toBeTruthy();
    });

    it('an id_token_hint (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2)', async () => {
      const id_token_hint = String(a.tokens.id_token);
      const page = await b.browser.open(authorizationUrl(b.server, b.party, pkce(), { prompt: 'none', id_token_hint }));
      expect(page.url).not.toContain('code=');
      const logout = await b.browser.open(`${b.server.issuer}/logout?${new URLSearchParams({ id_token_hint })}`);
      expect(logout.status).toBe(400);
    });

    it('setup and password links, opened and posted', async () => {
      const browser = new Browser();
      for (const [path, token] of [
        ['/setup', a.setupToken],
        ['/password', a.passwordToken],
      ] as const) {
        const opened = await browser.open(`${b.server.issuer}${path}?token=${token}`);
        expect([path, opened.status]).toEqual([path, 400]);
        expect(opened.html).not.toContain(email);
      }
      // The form of there, posted here.
      const page = await browser.open(`${a.server.issuer}/password?token=${a.passwordToken}`);
      expect(page.html).toContain(email);
      const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
      for (const [path, token] of [
        ['/setup', a.setupToken],
        ['/password', a.passwordToken],
      ] as const) {
        const answer = await browser.request(`${b.server.issuer}${path}`, {
          method: 'POST',
          body: new URLSearchParams({ token, csrf, username: 'a@example.com', password: 'another good passphrase' }),
          headers: { origin: new URL(b.server.issuer).origin },
        });
        expect([path, [400, 403].includes(answer.status)]).toEqual([path, true]);
      }
      expect((await browser.open(`${a.server.issuer}/password?token=${a.passwordToken}`)).status).toBe(200);
    });

    it('ids of users, clients, secrets, sessions and grants in the paths of the API: 404', async () => {
      const list = async (path: string) =>
        ((await (await api(a.server, a.apiToken, 'GET', path)).json()) as { items: { id: string }[] }).items;
      const [session] = await list('/sessions');
      const [grant] = await list('/grants');
      const clientId = a.party.clientId;
      const secrets = (await (await api(a.server, a.apiToken, 'GET', `/clients/${clientId}/secrets`)).json()) as
        | { id: string }[]
        | { items: { id: string }[] };
      const [secret] = 'items' in secrets ? secrets.items : secrets;
      expect([session?.id, grant?.id, secret?.id]).not.toContain(undefined);
      for (const [method, path, body] of [
        ['GET', `/users/${a.userId}`],
        ['PATCH', `/users/${a.userId}`, { email: 'other@example.com' }],
        ['DELETE', `/users/${a.userId}`],
        ['PUT', `/users/${a.userId}/suspension`],
        ['DELETE', `/users/${a.userId}/suspension`],
        ['PUT', `/users/${a.userId}/roles`, { roles: ['ADMIN'] }],
        ['POST', `/users/${a.userId}/password-links`],
        ['DELETE', `/users/${a.userId}/lockout`],
        ['GET', `/clients/${clientId}`],
        ['PATCH', `/clients/${clientId}`, { client_name: 'Mine' }],
        ['DELETE', `/clients/${clientId}`],
        ['PUT', `/clients/${clientId}/suspension`],
        ['GET', `/clients/${clientId}/secrets`],
        ['POST', `/clients/${clientId}/secrets`, {}],
        ['DELETE', `/clients/${clientId}/secrets/${secret?.id}`],
        ['DELETE', `/clients/${b.party.clientId}/secrets/${secret?.id}`],
        ['DELETE', `/sessions/${session?.id}`],
        ['DELETE', `/grants/${grant?.id}`],
      ] as [string, string, object?][]) {
        const answer = await api(b.server, b.apiToken, method, path, body);
        expect([method, path, answer.status]).toEqual([method, path, 404]);
      }
      for (const path of [
        '/users?limit=100',
        '/clients?limit=100',
        '/sessions?limit=100',
        '/grants?limit=100',
        '/audit-events?limit=100',
      ]) {
        const text = await (await api(b.server, b.apiToken, 'GET', path)).text();
        for (const id of [a.userId, clientId, session?.id, grant?.id, secret?.id]) expect(text).not.toContain(id);
      }
      const ending = await api(b.server, b.apiToken, 'DELETE', `/users/${a.userId}/sessions`);
      expect([204, 404]).toContain(ending.status);
      expect(await list('/sessions')).toContainEqual(expect.objectContaining({ id: session?.id }));
      expect((await introspect(a.server, a.party, String(a.tokens.access_token))).body.active).toBe(true);
    });

    it('a cursor of a list does not reach over (API pages)', async () => {
      const first = (await (await api(a.server, a.apiToken, 'GET', '/clients?limit=1')).json()) as {
        next_cursor?: string;
      };
      expect(first.next_cursor).toBeTruthy();
      const path = `/clients?limit=100&cursor=${encodeURIComponent(String(first.next_cursor))}`;
      const text = await (await api(b.server, b.apiToken, 'GET', path)).text();
      for (const id of [a.party.clientId, a.registered.client_id]) expect(text).not.toContain(id);
    });
  });

  it('the same e-mail address is another person at each issuer: other sub, other password, other lockout', async () => {
    expect(new Set(names.map((name) => house(name).userId)).size).toBe(names.length);
    const [a, b] = [house(acme), house(bolt)];
    const other = 'quite another passphrase';
    await b.server.inside(async ({ users, passwords }) => passwords.set(await users.find(b.userId), other));

    const attempt = async (where: House, secret: string) => {
      const browser = new Browser();
      let page = await browser.open(authorizationUrl(where.server, where.party, pkce()));
      page = await browser.submit(page, { username: email });
      return browser.submit(page, { password: secret });
    };
    expect((await attempt(a, other)).status).toBe(422);
    expect((await attempt(b, password)).status).toBe(422);
    expect((await attempt(b, other)).url).toMatch(/code=|\/interaction\//);

    for (let tries = 0; tries < 6; tries += 1) await attempt(a, 'wrong passphrase');
    expect((await attempt(a, password)).status).toBe(422);
    expect((await attempt(b, other)).url).toMatch(/code=|\/interaction\//);
    expect((await attempt(b, other)).status).not.toBe(422);

    await b.server.inside(async ({ users }) => users.disable(await users.find(b.userId)));
    await a.server.inside(async ({ users, passwords }) => passwords.unlock(await users.find(a.userId)));
    const page = await signIn(new Browser(), authorizationUrl(a.server, a.party, pkce()), email);
    expect(codeOf(page)).toBeTruthy();
  });
});
