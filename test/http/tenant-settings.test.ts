import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { authorizationUrl, makeClient, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the settings of a tenant, in the hands of its own administrators', () => {
  let server: TestServer;
  /** A tenant that is not the operators'. */
  let acme: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'acme', name: 'Acme' }));
    acme = {
      ...server,
      issuer: tenant.issuer(server.issuer),
      inside: (work) => withContext({ tenantId: tenant.id }, () => work(server.services)),
    };
    token = await tokenWith(acme, 'settings:read settings:write audit:read');
  }, 180_000);
  afterAll(() => server?.close());

  const read = () => ask(acme, token, 'get', '/settings');
  const change = (settings: unknown, headers?: Record<string, string>, as = token) =>
    ask(acme, as, 'patch', '/settings', { settings }, headers);

  it('are read as they were set, and as they hold with every default', async () => {
    const { status, body } = await read();
    expect(status).toBe(200);
    expect(body.effective).toMatchObject({ sign_in_layout: 'two_pages', lockout: { max_attempts: 5 }, branding: {} });
    expect(Object.keys(body.effective as object).sort()).toEqual([
      'accounts',
      'api',
      'audit',
      'authentication',
      'branding',
      'federation',
      'lockout',
      'organizations',
      'sessions',
      'sign_in_layout',
    ]);
  });

  it('are changed, hold at the next request, are recorded, and go back to the default by null (RFC 7396)', async () => {
    const { status, body } = await change({ branding: { company_name: 'Acme & Söhne' }, lockout: { max_attempts: 7 } });
    expect([status, body.settings]).toEqual([
      200,
      expect.objectContaining({ branding: { company_name: 'Acme & Söhne' } }),
    ]);
    expect(body.effective).toMatchObject({ lockout: { max_attempts: 7, strategy: 'exponential' } });
    const page = await new Browser().open(authorizationUrl(acme, await makeClient(acme), pkce()));
    expect(page.html).toContain('Acme &amp; Söhne');
    const events = await ask(acme, token, 'get', '/audit-events?name=tenant.updated');
    expect(events.body.items).toEqual([
      expect.objectContaining({ data: expect.objectContaining({ changed: ['settings'] }) }),
    ]);
    const back = await change({ branding: null, lockout: null });
    expect(back.body.settings).toEqual({});
    expect(back.body.effective).toMatchObject({ branding: {}, lockout: { max_attempts: 5 } });
  });

  it('are changed by nobody who saw another version: 412, and of two at once one wins (RFC 9110 §13.1.1)', async () => {
    const etag = String((await read()).headers.get('etag'));
    const answers = await Promise.all(
      ['one_page', 'two_pages'].map((sign_in_layout) =>
        change(
          { sign_in_layout, accounts: { deletion_grace_days: sign_in_layout === 'one_page' ? 3 : 4 } },
          { 'if-match': etag },
        ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it.each([
    ['protocol', { open_registration: { scopes: ['openid'] } }],
    ['signing_keys', { rotation_days: 0 }],
    ['protocol', null],
    ['host', 'acme.example'],
  ])('has no say in what the operators set: %s', async (name, value) => {
    const answer = await change({ [name]: value });
    expect([answer.status, answer.body.errors]).toEqual([
      422,
      [expect.objectContaining({ pointer: `/settings/${name}` })],
    ]);
    const outside = await ask(acme, token, 'patch', '/settings', { settings: {}, name: 'Mine', slug: 'mine' });
    expect(outside.status).toBe(422);
  });

  it('keeps what the operators have set when something else is changed, and shows nothing of it', async () => {
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.find('acme'), { settings: { signing_keys: { rotation_days: 11 } } }),
    );
    expect((await change({ sessions: { idle_seconds: 600 } })).status).toBe(200);
    const { signing_keys } = await server.inside(async ({ tenants }) => (await tenants.find('acme')).storedSettings);
    expect(signing_keys).toMatchObject({ rotation_days: 11 });
    expect(JSON.stringify((await read()).body)).not.toContain('signing_keys');
  });

  it.each([
    ['how often the API is answered', { tier: 'unlimited' }, 403, 'operators_only'],
    ['what would shut out whoever asks', { allowed_networks: ['192.0.2.0/24'] }, 422, 'invalid_request'],
    ['what would shut out the token that asks', { certificate_bound_only: true }, 422, 'invalid_request'],
  ])('has no say in %s', async (_what, api, status, code) => {
    const answer = await change({ api });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('keeps how often the API is answered, which the operators have said', async () => {
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.find('acme'), { settings: { api: { tier: 'enterprise' } } }),
    );
    for (const api of [{ test_keys: false }, null]) {
      const { status, body } = await change({ api });
      expect([status, (body.effective as { api: object }).api]).toEqual([
        200,
        expect.objectContaining({ tier: 'enterprise', test_keys: api === null }),
      ]);
    }
  });

  it('refuses what no setting can be, and says where', async () => {
    const answer = await change({ branding: { primary_color: 'red; }' }, sessions: { idle_seconds: 1 } });
    expect([answer.status, (answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer)]).toEqual([
      422,
      ['/settings/branding/primary_color', '/settings/sessions/idle_seconds'],
    ]);
  });

  it('is about the tenant that is asked: another one stays as it is', async () => {
    const before = await server.inside(async ({ tenants }) => (await tenants.find('default')).storedSettings);
    await change({ branding: { company_name: 'Acme only' } });
    expect(await server.inside(async ({ tenants }) => (await tenants.find('default')).storedSettings)).toEqual(before);
    expect((await ask(server, token, 'get', '/settings')).status).toBe(401);
  });
});
