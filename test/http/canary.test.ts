import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { Canary } from '../support/canary.js';
import { Wiretap } from '../support/dump.js';
import { until } from '../support/pair.js';
import { authorizationUrl, codeOf, introspect, type Party, pkce, post, redeem, refresh } from '../support/party.js';
import { initialAccessTokenFor } from '../support/planted.js';
import { dpopKey, proofOf } from '../support/proofs.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

const redirectUri = 'https://rp.example/cb';
const adminPassword = `admin ${randomBytes(12).toString('hex')}`;
const firstPassword = `first ${randomBytes(12).toString('hex')}`;
const wrongPassword = `wrong ${randomBytes(12).toString('hex')}`;
const people = ['admin', 'maria', 'jonas', 'nobody'].map(
  (name) => `${name}-${randomBytes(6).toString('hex')}@example.com`,
);
const [admin = '', maria = '', jonas = '', nobody = ''] = people;

type Json = Record<string, unknown>;

describe('no bearer secret is kept or told in clear (RFC 9700 §4, RFC 6819 §5.1.4.1, OWASP ASVS 5.0 V9)', () => {
  let server: TestServer;
  let canary: Canary;
  let apiToken: string;
  const wire = new Wiretap();

  beforeAll(async () => {
    const metricsPort = await freePort();
    // Metrics are served outside of tests only.
    const environment = { NODE_ENV: 'development', METRICS_PORT: String(metricsPort), DEMO: 'false' };
    server = await startServer({ environment });
    canary = new Canary(server, `http://127.0.0.1:${metricsPort}/metrics`, wire);
    wire.start();
  }, 180_000);
  afterAll(async () => {
    wire.stop();
    await server?.close();
  });

  const api = (method: string, path: string, body?: Json, headers: Record<string, string> = {}) =>
    ask(server, apiToken, method, path, body, headers);

  /** The letters to somebody so far, once there are so many; administrators get some as well. */
  async function letters(address: string, count: number) {
    const theirs = async () => (await server.inside(({ mail }) => mail.mailbox())).filter(({ to }) => to === address);
    await until(`${count} letters`, async () => (await theirs()).length >= count, 10_000);
    return theirs();
  }

  it('finds nothing while people and clients go through everything, and finds what is planted', async () => {
    // The first administrator and the first client of the API.
    const setupLink = await server.inside(({ setup }) => setup.issueLink(server.issuer));
    const browser = new Browser();
    const setupPage = await browser.open(setupLink);
    const done = await browser.submit(setupPage, { username: admin, password: adminPassword });
    const shown = (name: string) => new RegExp(`id="value-${name}"[^>]*>([^<]+)<`).exec(done.html)?.[1] ?? '';
    const first: Party = { clientId: shown('client_id'), clientSecret: shown('client_secret'), redirectUri };
    wire.add('first client_secret', first.clientSecret);
    const document = await (await fetch(`${server.issuer}/api/v1/openapi.json`)).text();
    const scopes = [...new Set([...document.matchAll(/"([a-z_]+:(?:read|write|export))"/g)].map(([, scope]) => scope))];
    const granted = await post(server, '/token', first, {
      grant_type: 'client_credentials',
      resource: `${server.issuer}/api`,
      scope: scopes.join(' '),
    });
    apiToken = String(granted.body.access_token);

    // A client by the API, twice with one Idempotency-Key, and a second secret.
    const once = { 'idempotency-key': randomUUID() };
    const metadata = {
      client_name: 'Trip Planner',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      post_logout_redirect_uris: ['https://rp.example/bye'],
    };
    const created = await api('POST', '/clients', metadata, once);
    expect(created.status).toBe(201);
    expect((await api('POST', '/clients', metadata, once)).body).toEqual(created.body);
    const clientId = String(created.body.client_id);
    const rotated = await api('POST', `/clients/${clientId}/secrets`, {}, { 'idempotency-key': randomUUID() });
    expect(rotated.status).toBe(201);
    const party: Party = { clientId, clientSecret: String(rotated.body.client_secret), redirectUri };

    const onceKey = { 'idempotency-key': randomUUID() };
    // An API key, twice with one Idempotency-Key, used and put in the place of another.
    const apiKey = await api('POST', '/api-keys', { name: 'Import', scopes: ['clients:read'] }, onceKey);
    expect((await api('POST', '/api-keys', { name: 'Import', scopes: ['clients:read'] }, onceKey)).body).toEqual(
      apiKey.body,
    );
    const held = String(apiKey.body.api_key);
    expect((await ask(server, held, 'get', '/clients')).status).toBe(200);
    expect((await ask(server, held, 'get', '/users')).status).toBe(403);
    const replaced = await api('POST', `/api-keys/${apiKey.body.id}/rotations`, { overlap_seconds: 0 });
    expect(replaced.status).toBe(201);
    expect((await ask(server, held, 'get', `/clients/${held}`)).status).toBe(401);
    expect((await api('GET', `/api-keys/${held}`)).status).toBe(404);
    expect((await api('POST', '/api-keys', { name: 'x', scopes: [held] })).status).toBe(422);
    // Somebody who is told of what happens, with one secret and then with another.
    const hook = { url: 'https://rp.example/hook', events: ['client.deleted'] };
    const told = await api('POST', '/webhooks', hook, { 'idempotency-key': randomUUID() });
    expect(told.status).toBe(201);
    const other = await api('POST', `/webhooks/${told.body.id}/secrets`, {}, { 'idempotency-key': randomUUID() });
    expect((await api('POST', `/webhooks/${told.body.id}/tests`)).status).toBe(202);
    for (const { body } of [told, other]) wire.add('webhook secret', String(body.secret).replace('whsec_', ''));

    // A person who gets a link by mail.
    const user = await api('POST', '/users', { email: maria, claims: { name: 'Maria' } });
    const sent = await api('POST', `/users/${user.body.id}/password-links`, undefined, {
      'idempotency-key': randomUUID(),
    });
    expect(sent.status).toBe(202);
    const [letter] = await letters(maria, 1);
    if (!letter) throw new Error('no letter');
    const link = /https?:\S+\/password\?token=\S+/.exec(letter.text)?.[0] ?? '';
    const mailbox = await browser.open(`${server.issuer}/dev/mailbox`);
    expect(mailbox.html).toContain(maria);
    await browser.open(`${server.issuer}/dev/mailbox/${letter.id}`);
    const choose = await browser.open(link);
    expect((await browser.submit(choose, { password: firstPassword })).status).toBe(200);
    // A second link stays unused.
    await api('POST', `/users/${user.body.id}/password-links`);
    const sentLetters = await letters(maria, 2);
    for (const { text } of sentLetters) wire.add('mailed token', /token=([\w-]+)/.exec(text)?.[1]);
    expect(sentLetters).toHaveLength(2);

    // Sign-in: unknown, wrong, then right; consent; code; userinfo; introspection; refresh twice.
    const proof = pkce();
    const url = authorizationUrl(server, party, proof, { scope: 'openid profile email', login_hint: maria });
    wire.add('code_verifier', proof.verifier);
    const stranger = await browser.open(authorizationUrl(server, party, pkce()));
    await browser.submit(await browser.submit(stranger, { username: nobody }), { password: wrongPassword });
    let page = await browser.submit(await browser.open(url), { username: maria });
    page = await browser.submit(page, { password: wrongPassword });
    expect(page.status).toBe(422);
    page = await browser.submit(page, { password: firstPassword });
    await canary.findsNothing(apiToken, people);
    page = await browser.submit(page, { decision: 'allow' });
    const tokens = (await redeem(server, party, codeOf(page), proof)).body;
    const userinfo = await fetch(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(userinfo.status).toBe(200);
    expect((await introspect(server, party, String(tokens.access_token))).body.active).toBe(true);
    const second = await refresh(server, party, String(tokens.refresh_token));
    expect((await refresh(server, party, String(tokens.refresh_token))).body).toEqual(second.body);
    const third = await refresh(server, party, String(second.body.refresh_token));
    expect((await introspect(server, party, String(third.body.refresh_token))).body.active).toBe(true);
    expect((await post(server, '/revoke', party, { token: String(third.body.access_token) })).status).toBe(200);

    // PAR and DPoP.
    const key = await dpopKey();
    const bound = pkce();
    wire.add('code_verifier', bound.verifier);
    const parameters = Object.fromEntries(new URL(authorizationUrl(server, party, bound)).searchParams);
    const pushed = await post(server, '/par', party, parameters);
    expect(pushed.status).toBe(201);
    const pending = await post(server, '/par', party, parameters);
    expect(pending.status).toBe(201);
    page = await browser.open(
      `${server.issuer}/authorize?${new URLSearchParams({ client_id: clientId, request_uri: String(pushed.body.request_uri) })}`,
    );
    const redeemed = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${party.clientSecret}`).toString('base64')}`,
        dpop: await proofOf(key, { htm: 'POST', htu: `${server.issuer}/token` }),
      },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: codeOf(page),
        redirect_uri: redirectUri,
        code_verifier: bound.verifier,
      }),
    });
    expect(await redeemed.json()).toMatchObject({ token_type: 'DPoP' });

    // form_post, with a code nobody redeems.
    const posted = await browser.open(authorizationUrl(server, party, pkce(), { response_mode: 'form_post' }));
    expect(posted.html).toContain('name="code"');

    // Another account beside the first one, then a choice between the two.
    await server.inside(async ({ users, passwords }) => {
      const other = await users.create({ email: jonas, email_verified: true } as never);
      await passwords.set(other, adminPassword);
    });
    const choice = authorizationUrl(server, party, pkce(), { prompt: 'select_account' });
    page = await browser.submit(await browser.open(choice), { account: 'other' });
    page = await browser.submit(page, { username: jonas });
    page = await browser.submit(page, { password: adminPassword });
    if (page.html.includes('consent-allow')) page = await browser.submit(page, { decision: 'allow' });
    expect(page.url).toContain('code=');
    expect([...browser.cookies.values()].map(({ name }) => name)).toContain('ostiary_default_more');
    page = await browser.open(choice);
    const [, chosen = ''] = [...page.html.matchAll(/name="account" value="([^"]+)"/g)].map(([, value]) => value);
    page = await browser.submit(page, { account: chosen });
    expect(page.url).toContain('code=');

    // Registration (RFC 7591) and management (RFC 7592).
    const initial = await initialAccessTokenFor(server);
    const json = { 'content-type': 'application/json' };
    const registration = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { ...json, authorization: `Bearer ${initial}` },
      body: JSON.stringify({ redirect_uris: [redirectUri], client_name: 'Dynamic' }),
    });
    expect(registration.status).toBe(201);
    const dynamic = (await registration.json()) as Record<string, string>;
    const manage = (method: string, token: string | undefined, body?: Json) =>
      fetch(`${server.issuer}/register/${dynamic.client_id}`, {
        method,
        headers: { ...json, authorization: `Bearer ${token}` },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    expect((await manage('GET', dynamic.registration_access_token)).status).toBe(200);
    const updated = await manage('PUT', dynamic.registration_access_token, {
      client_id: dynamic.client_id,
      client_secret: dynamic.client_secret,
      redirect_uris: [redirectUri],
      client_name: 'Still dynamic',
    });
    expect(updated.status).toBe(200);

    // Secrets where they do not belong: in addresses, in the wrong parameter, in bodies that are refused.
    const stray = String(second.body.access_token);
    const json400 = { method: 'POST', headers: { ...json, authorization: `Bearer ${apiToken}` } };
    for (const [path, init] of [
      [`/userinfo?access_token=${stray}`, {}],
      [`/api/v1/clients?access_token=${stray}`, { headers: { authorization: `Bearer ${apiToken}` } }],
      [`/api/v1/users/${stray}`, { headers: { authorization: `Bearer ${apiToken}` } }],
      [`/nowhere/${stray}?code=${stray}`, { headers: { referer: `${server.issuer}/setup?token=${stray}` } }],
      [`/interaction/${stray}`, { headers: { 'user-agent': 'Mozilla/5.0' } }],
      [`/authorize?client_id=${clientId}&scope=${stray}&response_type=${stray}&prompt=${stray}`, {}],
      [`/authorize?client_id=${stray}&redirect_uri=https://${stray}.example`, {}],
      [`/authorize?client_id=${clientId}&redirect_uri=https://rp.example/${stray}&response_type=code`, {}],
      [`/logout?id_token_hint=${stray}`, {}],
      ['/token', { method: 'POST', body: new URLSearchParams({ grant_type: stray, client_id: stray }) }],
      ['/api/v1/users', { ...json400, body: JSON.stringify({ email: maria, [stray]: stray }) }],
      ['/api/v1/users', { ...json400, body: JSON.stringify({ email: maria, password: firstPassword }) }],
      ['/api/v1/clients', { ...json400, body: JSON.stringify({ client_secret: party.clientSecret, scope: stray }) }],
      ['/api/v1/clients', { ...json400, body: `{"client_secret":"${party.clientSecret}` }],
      ['/register', { ...json400, body: JSON.stringify({ client_secret: party.clientSecret, [stray]: stray }) }],
    ] as [string, RequestInit][]) {
      const response = await fetch(`${server.issuer}${path}`, { redirect: 'manual', ...init });
      expect([path, response.status >= 300 && response.status < 500]).toEqual([path, true]);
    }
    const forms: Record<string, string>[] = [
      {
        grant_type: 'authorization_code',
        code: stray,
        redirect_uri: `https://rp.example/${stray}`,
        code_verifier: stray,
      },
      { grant_type: 'refresh_token', refresh_token: stray, scope: stray },
      { grant_type: 'refresh_token', refresh_token: String(third.body.refresh_token), scope: `openid ${stray}` },
      { grant_type: 'refresh_token', refresh_token: String(third.body.refresh_token), resource: stray },
    ];
    for (const form of forms) expect((await post(server, '/token', party, form)).status).toBe(400);
    expect((await post(server, '/token', { ...party, clientSecret: wrongPassword }, {})).status).toBe(401);
    // A code again: everything that came of it ends.
    expect((await redeem(server, party, codeOf({ ...page, url: page.url }), proof)).status).toBe(400);

    // Signing out.
    const logout = await browser.open(
      `${server.issuer}/logout?${new URLSearchParams({ id_token_hint: String(tokens.id_token), client_id: clientId })}`,
    );
    await canary.findsNothing(apiToken, people);
    await browser.submit(logout, { logout: 'yes' });
    expect((await post(server, '/revoke', party, { token: String(third.body.refresh_token) })).status).toBe(200);
    await canary.findsNothing(apiToken, people);

    // Everything was listened to.
    const kinds = new Set(wire.secrets.values());
    // A value that goes by several names has the first one it was met under.
    expect(
      [
        'Basic credentials',
        'DPoP proof',
        'Idempotency-Key',
        'access_token',
        'api_key',
        'client_secret',
        'code',
        'code_verifier',
        'cookie ostiary_default',
        'cookie ostiary_default.sig',
        'cookie ostiary_default_browser',
        'cookie ostiary_default_more',
        'cookie ostiary_interaction',
        'cookie ostiary_interaction.sig',
        'cookie ostiary_resume.sig',
        'field csrf',
        'field xsrf',
        'first client_secret',
        'id_token',
        'mailed token',
        'password',
        'refresh_token',
        'registration_access_token',
        'request_uri',
        'token',
      ].filter((name) => !kinds.has(name)),
    ).toEqual([]);
    expect(wire.secrets.size).toBeGreaterThan(80);
    for (const value of [adminPassword, firstPassword, wrongPassword, initial, String(created.body.client_secret)])
      expect(wire.secrets.has(value)).toBe(true);

    await canary.findsWhatIsPlanted(String(third.body.refresh_token), clientId);
  }, 300_000);
});
