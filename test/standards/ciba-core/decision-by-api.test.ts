import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { enter } from '../../support/account.js';
import type { Browser } from '../../support/browser.js';
import { makeClient, makePerson, type Party, post } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const GRANT = 'urn:openid:params:grant-type:ciba';
const resource = 'https://payments.example/api';

describe('the decision of the person as JSON (OpenID Connect CIBA §10, §11)', () => {
  let server: TestServer;
  let bank: Party;
  let person: { id: string; email: string };
  let browser: Browser;
  let csrf: string;

  beforeAll(async () => {
    server = await startServer();
    bank = await makeClient(server, {
      client_name: 'Bank Counter',
      redirect_uris: [],
      response_types: [],
      grant_types: [GRANT],
      backchannel_token_delivery_mode: 'poll',
      scope: 'openid email phone payments:make',
    });
    await server.inside(({ resources }) =>
      resources.create({
        identifier: resource,
        name: 'Payments',
        scopes: [{ name: 'payments:make', description: 'Pay from your account' }],
      } as never),
    );
    person = await makePerson(server);
    ({ browser } = await enter(server, person.email));
    csrf = await csrfOf(browser);
  }, 180_000);
  afterAll(() => server?.close());

  async function call(method: string, path: string, body?: object, by = browser, token = csrf) {
    const answer = await by.request(`${server.issuer}/api/v1${path}`, {
      method,
      headers: {
        accept: 'application/json',
        origin: server.issuer,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(token ? { 'x-csrf-token': token } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined };
  }
  const csrfOf = async (by: Browser) => String((await call('GET', '/auth/me', undefined, by, '')).body.csrf_token);
  /** @returns what the client polls with, and under which id the person sees it. */
  async function asked(form: Record<string, string> = {}) {
    const { status, body } = await post(server, '/backchannel', bank, {
      scope: 'openid email',
      login_hint: person.email,
      ...form,
    });
    expect([status, body.error_description]).toEqual([200, undefined]);
    const { items } = (await call('GET', '/backchannel-requests')).body;
    return { handle: String(body.auth_req_id), path: `/backchannel-requests/${items[0].id}` };
  }
  const decide = (path: string, decision: unknown, by = browser, token = csrf) =>
    call('PUT', `${path}/decision`, { decision }, by, token);
  async function answer(handle: string) {
    const { status, body } = await post(server, '/token', bank, { grant_type: GRANT, auth_req_id: handle });
    return [status, body.error ?? body.scope];
  }

  it('shows what waits: who asks, the message to compare, what for, in words, and until when', async () => {
    const claims = JSON.stringify({ userinfo: { phone_number: null } });
    const form = { scope: 'openid payments:make', resource, binding_message: 'Z-4711', claims, requested_expiry: '60' };
    const { path } = await asked(form);
    const { status, headers, body } = await call('GET', path);
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      id: path.split('/').at(-1),
      client: { client_id: bank.clientId, name: 'Bank Counter', dynamic: false },
      binding_message: 'Z-4711',
      scopes: [{ name: 'payments:make', description: 'Pay from your account', resource: 'Payments' }],
      claims: ['phone_number'],
      resource,
      acr_values: null,
      created_at: expect.any(String),
      expires_at: expect.any(String),
      decision: null,
      decided_at: null,
    });
    expect(Date.parse(body.expires_at) - Date.parse(body.created_at)).toBeGreaterThan(50_000);
    expect((await call('GET', '/backchannel-requests')).body.items).toEqual([body]);
    await decide(path, 'denied');
    expect((await call('GET', '/backchannel-requests')).body.items).toEqual([]);
  });

  it('approves, and the client gets what was shown, once', async () => {
    const { handle, path } = await asked();
    expect(await answer(handle)).toEqual([400, 'authorization_pending']);
    expect(await decide(path, 'approved')).toMatchObject({
      status: 200,
      body: { decision: 'approved', decided_at: expect.any(String) },
    });
    expect(await answer(handle)).toEqual([200, 'openid email']);
    expect(await answer(handle)).toEqual([400, 'invalid_grant']);
  });

  it('is made once: neither the other nor the same one again, and of many at the same moment one', async () => {
    const { handle, path } = await asked();
    const tried = await Promise.all(
      Array.from({ length: 20 }, (_, number) => decide(path, number % 2 === 0 ? 'approved' : 'denied')),
    );
    const [made, ...more] = tried.filter(({ status }) => status === 200);
    expect([more, tried.filter(({ status }) => status === 409).length]).toEqual([[], 19]);
    for (const decision of ['approved', 'denied'])
      expect((await decide(path, decision)).body.code).toBe('request_over');
    const told = made?.body.decision === 'approved' ? [200, 'openid email'] : [400, 'access_denied'];
    expect(await answer(handle)).toEqual(told);
  });

  it('is no decision without the CSRF token of the session, from elsewhere, or in other words', async () => {
    const { handle, path } = await asked();
    for (const decision of ['approved', 'denied']) {
      expect((await decide(path, decision, browser, '')).body.code).toBe('csrf');
      const foreign = await browser.request(`${server.issuer}/api/v1${path}/decision`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', 'x-csrf-token': csrf, origin: 'https://evil.example' },
        body: JSON.stringify({ decision }),
      });
      expect(foreign.status).toBe(403);
    }
    for (const decision of ['yes', null, true, ['approved']]) expect((await decide(path, decision)).status).toBe(422);
    expect((await call('PUT', `${path}/decision`, { decision: 'approved', user_id: person.id })).status).toBe(422);
    expect(await answer(handle)).toEqual([400, 'authorization_pending']);
    await decide(path, 'denied');
  });

  it('somebody else neither sees nor makes it, and nobody does who is not signed in', async () => {
    const { handle, path } = await asked();
    const { browser: other } = await enter(server, (await makePerson(server)).email);
    const token = await csrfOf(other);
    expect((await call('GET', '/backchannel-requests', undefined, other)).body.items).toEqual([]);
    expect((await call('GET', path, undefined, other)).status).toBe(404);
    for (const decision of ['approved', 'denied'])
      expect((await decide(path, decision, other, token)).status).toBe(404);
    for (const decision of ['approved', 'denied'])
      expect((await decide('/backchannel-requests/none', decision)).status).toBe(404);
    const anybody = await fetch(`${server.issuer}/api/v1${path}`);
    expect([anybody.status, ((await anybody.json()) as { code: string }).code]).toEqual([401, 'login_required']);
    expect(await answer(handle)).toEqual([400, 'authorization_pending']);
    await decide(path, 'denied');
  });

  it('to agree needs the class that was asked for (§7.1 acr_values); to say no does not', async () => {
    const { handle, path } = await asked({ acr_values: 'urn:ostiary:acr:mfa' });
    const { status, body } = await decide(path, 'approved');
    expect([status, body.code, body.acr_values]).toEqual([403, 'acr_unmet', 'urn:ostiary:acr:mfa']);
    expect(await answer(handle)).toEqual([400, 'authorization_pending']);
    expect((await decide(path, 'denied')).status).toBe(200);
  });

  it('to agree needs a proof that is new; to say no does not', async () => {
    const [first, second] = [await asked(), await asked()];
    await server.services.db.manager.query(
      `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
      [person.id],
    );
    const { status, body } = await decide(first.path, 'approved');
    expect([status, body.code, new URL(body.location).pathname]).toEqual([401, 'step_up_required', '/authorize']);
    expect((await call('GET', first.path)).body.decision).toBeNull();
    expect((await decide(second.path, 'denied')).status).toBe(200);
    expect(await answer(second.handle)).toEqual([400, 'access_denied']);
  });
});
