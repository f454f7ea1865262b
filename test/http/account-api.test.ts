import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { enter } from '../support/account.js';
import { ask, tokenWith } from '../support/api.js';
import type { Browser } from '../support/browser.js';
import { makeClient, makePerson, tokensFor } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the account as JSON, by session cookie', () => {
  let server: TestServer;
  let person: { id: string; email: string };
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    person = await makePerson(server);
    ({ browser } = await enter(server, person.email));
  });

  async function call(by: Browser, method: string, path: string, headers: Record<string, string> = {}) {
    const answer = await by.request(`${server.issuer}/api/v1${path}`, {
      method,
      headers: { accept: 'application/json', origin: server.issuer, ...headers },
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined };
  }
  const csrfOf = async (by: Browser) => String((await call(by, 'GET', '/auth/me')).body.csrf_token);

  it('tells who is signed in, how, and with what beside the password', async () => {
    const { status, body, headers } = await call(browser, 'GET', '/auth/me');
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({
      id: person.id,
      email: person.email,
      roles: [],
      mfa: { totp: false, passkeys: 0, recovery_codes_left: 0 },
      session: { acr: 'urn:ostiary:acr:1fa', amr: ['pwd'] },
    });
    expect(JSON.stringify(body)).not.toMatch(/argon2|hash|secret/);
  });

  it('reads and keeps what the person wants to be told, whole, on a proof that is new', async () => {
    const csrf = await csrfOf(browser);
    const put = (body: unknown, headers: Record<string, string> = { 'x-csrf-token': csrf }) =>
      browser.request(`${server.issuer}/api/v1/auth/settings`, {
        method: 'PUT',
        headers: { accept: 'application/json', origin: server.issuer, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    const read = async () => (await call(browser, 'GET', '/auth/settings')).body;
    const silent = { notifications: { new_device: false } };
    expect(await read()).toEqual({ notifications: { new_device: true } });
    expect((await put(silent, {})).status).toBe(403);
    expect((await put({ notifications: { new_device: 'no' } })).status).toBe(422);
    expect((await put({ ...silent, more: true })).status).toBe(422);
    expect((await put(silent)).status).toBe(200);
    expect(await read()).toEqual(silent);
    expect((await put({})).status).toBe(200);
    expect(await read()).toEqual({ notifications: { new_device: true } });
    await server.services.db.manager.query(
      `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
      [person.id],
    );
    expect((await put(silent)).status).toBe(401);
    expect(await read()).toEqual({ notifications: { new_device: true } });
  });

  it('tells a program whom its token speaks for, where it may see users, and nothing that belongs to a session', async () => {
    const scope = 'openid users:read clients:read';
    const party = await makeClient(server, { scope });
    const api = { resource: `${server.issuer}/api` };
    const me = async (token = '') => {
      const { status, body } = await ask(server, token, 'GET', '/auth/me');
      return { status, body };
    };
    const { access_token } = await tokensFor(server, party, person.email, { ...api, scope: 'openid users:read' });
    const { status, body } = await me(access_token);
    expect([status, Object.keys(body).sort().join()]).toEqual([200, 'claims,email,email_verified,id,mfa,roles']);
    expect(body).toMatchObject({ id: person.id, email: person.email, mfa: { totp: false } });

    const narrow = await tokensFor(server, party, person.email, { ...api, scope: 'openid clients:read' });
    expect(await me(narrow.access_token)).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
    const elsewhere = await tokensFor(server, party, person.email, { scope: 'openid' });
    expect(await me(elsewhere.access_token)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
    expect(await me(await tokenWith(server, 'users:read'))).toMatchObject({ status: 403, body: { code: 'no_person' } });
    const named = await browser.request(`${server.issuer}/api/v1/auth/me?access_token=${access_token}`);
    expect(named.status).toBe(400);
  });

  it('tells who is not signed in where to go (RFC 9457)', async () => {
    const answer = await fetch(`${server.issuer}/api/v1/auth/me`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    const { code, location } = (await answer.json()) as { code: string; location: string };
    expect(code).toBe('login_required');
    expect(location.startsWith(`${server.issuer}/authorize?`)).toBe(true);
  });

  it('lists sessions and marks this one; ends one; ends all others', async () => {
    const other = await enter(server, person.email);
    const third = await enter(server, person.email);
    const { body } = await call(browser, 'GET', '/sessions');
    expect(body.items).toHaveLength(3);
    expect(body.items.filter(({ current }: { current: boolean }) => current)).toHaveLength(1);
    const csrf = { 'x-csrf-token': await csrfOf(browser) };
    const { id } = (await call(other.browser, 'GET', '/auth/me')).body.session;
    expect((await call(browser, 'DELETE', `/sessions/${id}`, csrf)).status).toBe(204);
    expect((await call(other.browser, 'GET', '/auth/me')).status).toBe(401);
    expect((await call(third.browser, 'GET', '/auth/me')).status).toBe(200);
    expect((await call(browser, 'DELETE', '/sessions', csrf)).body).toEqual({ ended: 1 });
    expect((await call(third.browser, 'GET', '/auth/me')).status).toBe(401);
    expect((await call(browser, 'GET', '/sessions')).body.items).toHaveLength(1);
  });

  it.each([
    ['without a token', () => ({})],
    [
      'with a token of another session',
      async () => ({ 'x-csrf-token': await csrfOf((await enter(server, (await makePerson(server)).email)).browser) }),
    ],
    ['from another origin', async () => ({ 'x-csrf-token': await csrfOf(browser), origin: 'https://evil.example' })],
    ['from another site', async () => ({ 'x-csrf-token': await csrfOf(browser), 'sec-fetch-site': 'cross-site' })],
  ] as const)('changes nothing %s', async (_how, headersOf) => {
    await enter(server, person.email);
    const headers: Record<string, string> = await headersOf();
    const answer = await call(browser, 'DELETE', '/sessions', headers);
    expect([answer.status, answer.body.code]).toEqual([403, 'csrf']);
    expect((await call(browser, 'GET', '/sessions')).body.items).toHaveLength(2);
  });

  it('leaves uncompressed: a cookie is sent by whichever page asks (BREACH)', async () => {
    for (let count = 0; count < 4; count += 1) await enter(server, person.email);
    for (const path of ['/sessions', '/auth/me']) {
      const answer = await call(browser, 'GET', path, { 'accept-encoding': 'gzip, br' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-encoding')).toBeNull();
    }
    expect(JSON.stringify((await call(browser, 'GET', '/sessions')).body).length).toBeGreaterThan(1_024);
  });

  it.each(['/passkeys/register/verify', '/auth/2fa/enable-complete'])('reads no encoded body: %s', async (path) => {
    const answer = await browser.request(`${server.issuer}/api/v1${path}`, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        origin: server.issuer,
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        'x-csrf-token': await csrfOf(browser),
      },
      body: gzipSync('{}'),
    });
    expect(answer.status).toBe(415);
  });

  it('never ends a session of somebody else', async () => {
    const stranger = await enter(server, (await makePerson(server)).email);
    const { id } = (await call(stranger.browser, 'GET', '/auth/me')).body.session;
    const csrf = { 'x-csrf-token': await csrfOf(browser) };
    expect((await call(browser, 'DELETE', `/sessions/${id}`, csrf)).status).toBe(404);
    expect((await call(stranger.browser, 'GET', '/auth/me')).status).toBe(200);
  });

  describe('the management API at the same addresses', () => {
    it('answers a bearer token, whatever cookies come with it', async () => {
      const token = await tokenWith(server, 'sessions:read');
      await enter(server, (await makePerson(server)).email);
      const answer = await call(browser, 'GET', '/sessions?limit=100', { authorization: `Bearer ${token}` });
      expect(answer.status).toBe(200);
      const users = new Set(answer.body.items.map(({ user_id }: { user_id: string }) => user_id));
      expect(users.size).toBeGreaterThan(1);
      const csrf = { 'x-csrf-token': await csrfOf(browser), authorization: `Bearer ${token}` };
      expect((await call(browser, 'DELETE', `/sessions/${answer.body.items[0].id}`, csrf)).status).toBe(403);
      expect((await call(browser, 'DELETE', '/sessions', csrf)).status).toBe(405);
    });

    it('refuses as ever: no token, a bad one, one in the address (RFC 6750 §3)', async () => {
      expect((await ask(server, undefined, 'get', '/sessions')).headers.get('www-authenticate')).toMatch(
        /^Bearer realm=/,
      );
      expect((await call(browser, 'GET', '/sessions', { authorization: 'Bearer nobodys' })).status).toBe(401);
      expect((await call(browser, 'GET', '/sessions?access_token=x')).status).toBe(400);
      expect((await ask(server, undefined, 'delete', '/sessions')).status).toBe(405);
    });
  });
});
