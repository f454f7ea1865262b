import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { newConnection, oidcSettings } from '../support/connection-settings.js';
import { startServer, type TestServer } from '../support/server.js';

describe('connections: identity providers that the tenant trusts', () => {
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    token = await tokenWith(server, 'connections:read connections:write');
  });

  const api = (method: string, path = '', body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, `/connections${path}`, body, headers);
  const make = async (more: object = {}) => {
    const { status, body } = await api('post', '', newConnection(more));
    expect([status, body.issues ?? body.code]).toEqual([201, undefined]);
    return body as { id: string; key: string; settings: object; version: number };
  };
  const pointers = ({ body }: { body: Record<string, unknown> }) =>
    (body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
  const eventsOf = async (id: string): Promise<string[]> =>
    (
      await server.services.db.manager.query(
        `SELECT name FROM audit_events WHERE data ->> 'connection_id' = $1 ORDER BY id`,
        [id],
      )
    ).map(({ name }: { name: string }) => name);

  it('are created, read, changed, enabled, disabled and deleted, each with its record', async () => {
    const { id, key } = await make();
    expect((await api('get', `/${id}`)).body).toMatchObject({
      key,
      kind: 'oidc',
      preset: null,
      has_secret: true,
      enabled_at: null,
      identity_provider: { name: 'https://op.example', certificates: [], error: null },
    });
    expect((await api('put', `/${id}/enablement`)).status).toBe(204);
    expect((await api('put', `/${id}/enablement`)).status).toBe(204);
    expect((await api('get', `/${id}`)).body.enabled_at).toEqual(expect.any(String));
    expect((await api('patch', `/${id}`, { display_name: 'Over there' })).body.display_name).toBe('Over there');
    expect((await api('delete', `/${id}/enablement`)).status).toBe(204);
    expect((await api('get', `/${id}`)).body.enabled_at).toBeNull();
    const all = (await api('get', '?limit=100')).body.items as { id: string }[];
    expect(all.map((one) => one.id)).toContain(id);
    expect((await api('delete', `/${id}`)).status).toBe(204);
    expect((await api('get', `/${id}`)).status).toBe(404);
    expect(await eventsOf(id)).toEqual(
      ['created', 'enabled', 'updated', 'disabled', 'deleted'].map((name) => `connection.${name}`),
    );
  });

  it('never tell their secret, and keep it sealed', async () => {
    const secret = 'a-secret-of-theirs-0123456789';
    const { id } = await make({ client_secret: secret });
    const answers = [await api('get', `/${id}`), await api('get'), await api('patch', `/${id}`, { key: 'c-renamed' })];
    expect(JSON.stringify(answers.map(({ body }) => body))).not.toContain(secret);
    const { rows } = await server.services.db.pool.query('SELECT * FROM connections WHERE id = $1', [id]);
    expect(JSON.stringify(rows)).not.toContain(secret);
    const told = await server.inside(async ({ connections, connectionSecrets }) =>
      connectionSecrets.clientSecret(await connections.find(null, id)),
    );
    expect(told).toBe(secret);
    expect((await api('patch', `/${id}`, { client_secret: null })).body.has_secret).toBe(false);
  });

  it('sealed for another connection a secret does not open', async () => {
    const [one, other] = [await make(), await make()];
    await server.services.db.pool.query(
      'UPDATE connections SET secret_sealed = (SELECT secret_sealed FROM connections WHERE id = $1) WHERE id = $2',
      [one.id, other.id],
    );
    const opened = server.inside(async ({ connections, connectionSecrets }) =>
      connectionSecrets.clientSecret(await connections.find(null, other.id)),
    );
    await expect(opened).rejects.toThrow();
  });

  it.each([
    ['an unknown member', { enabled_at: '2026-01-01T00:00:00Z' }],
    ['an owner', { organization_id: '00000000-0000-7000-8000-000000000000' }],
    ['an unknown setting', { settings: { trust: { email: 'claim', everything: true } } }],
    ['an unknown setting of its kind', { settings: { oidc: { secret_sealed: 'x' } } }],
    ['settings of another kind', { settings: { ...oidcSettings(), saml: { idp_initiated: true } } }],
    ['what was read', { upstream: {} }],
    ['an issuer without TLS', { settings: { oidc: { issuer: 'http://op.example' } } }],
    ['an issuer with credentials', { settings: { oidc: { issuer: 'https://a:b@op.example' } } }],
    ['a location too long', { settings: { oidc: { issuer: `https://op.example/${'x'.repeat(1024)}` } } }],
    ['an endpoint that is no URL', { settings: { oidc: { metadata: { jwks_uri: 'javascript:alert(1)' } } } }],
    ['no algorithm at all', { settings: { oidc: { algorithms: ['none'] } } }],
    ['scopes without openid', { settings: { oidc: { scopes: ['email'] } } }],
    ['a preset of another kind', { preset: 'github' }],
    ['a role, where there is no organization', { settings: { provisioning: { role: 'member' } } }],
    ['an owner as role', { settings: { provisioning: { groups: [{ group: 'x', role: 'owner' }] } } }],
    ['a key that is no name', { key: 'Über uns' }],
    ['a name that hides something', { display_name: 'abc\u202edef' }],
    ['a domain that DNS does not have', { settings: { domains: ['EXAMPLE.com'] } }],
  ])('%s is refused: 422', async (_what, more) => {
    expect((await api('post', '', newConnection(more))).status).toBe(422);
    const { id } = await make();
    const { key, kind, display_name, client_secret, preset, ...rest } = newConnection(more) as Record<string, unknown>;
    const changed = { ...('key' in more && { key }), ...('display_name' in more && { display_name }), ...rest };
    if (!preset) expect((await api('patch', `/${id}`, changed)).status).toBe(422);
  });

  it('need not be complete before they are enabled: what is missing is named then', async () => {
    const { id } = await make({ settings: {}, client_secret: undefined });
    const early = await api('put', `/${id}/enablement`);
    expect([early.status, early.body.code]).toEqual([409, 'connection_incomplete']);
    expect(pointers(early)).toEqual(['/settings/oidc/issuer', '/settings/oidc/client_id']);
    await api('patch', `/${id}`, { settings: { oidc: { issuer: 'https://op.example', client_id: 'us' } } });
    expect(pointers(await api('put', `/${id}/enablement`))).toEqual(['/settings/oidc/issuer', '/client_secret']);
    await api('patch', `/${id}`, { settings: oidcSettings(), client_secret: 'x' });
    expect((await api('put', `/${id}/enablement`)).status).toBe(204);
  });

  it('once enabled stay complete', async () => {
    const { id } = await make();
    await api('put', `/${id}/enablement`);
    for (const patch of [{ client_secret: null }, { settings: { oidc: { client_id: null } } }]) {
      const answer = await api('patch', `/${id}`, patch);
      expect([answer.status, answer.body.code]).toEqual([422, 'connection_incomplete']);
    }
    expect((await api('get', `/${id}`)).body).toMatchObject({ has_secret: true, settings: oidcSettings() });
  });

  it('change member by member, however deep (RFC 7396)', async () => {
    const { id } = await make({ settings: { ...oidcSettings(), discovery: 'off', mapping: { groups: ['a'] } } });
    const { body } = await api('patch', `/${id}`, {
      settings: {
        discovery: null,
        oidc: { userinfo: false, metadata: { userinfo_endpoint: 'https://op.example/me' } },
      },
    });
    const { oidc } = oidcSettings();
    const metadata = { ...oidc.metadata, userinfo_endpoint: 'https://op.example/me' };
    expect(body.settings).toEqual({ mapping: { groups: ['a'] }, oidc: { ...oidc, userinfo: false, metadata } });
    const nothing = await api('patch', `/${id}`, { settings: { oidc: { userinfo: false } } });
    expect(nothing.body.version).toBe(body.version);
  });

  it('changed by somebody else meanwhile are not overwritten: 412', async () => {
    const { id, version } = await make();
    const match = { 'if-match': `"${version}"` };
    expect((await api('patch', `/${id}`, { display_name: 'One' }, match)).status).toBe(200);
    expect((await api('patch', `/${id}`, { display_name: 'Two' }, match)).status).toBe(412);
    expect((await api('delete', `/${id}`, undefined, match)).status).toBe(412);
  });

  it('have a key of their own in the tenant', async () => {
    const [one, other] = [await make(), await make()];
    expect((await api('post', '', newConnection({ key: one.key }))).status).toBe(409);
    expect((await api('patch', `/${other.id}`, { key: one.key })).body.code).toBe('key_taken');
    const key = `c-race-${one.id.slice(-6)}`;
    const racing = await Promise.all(Array.from({ length: 8 }, () => api('post', '', newConnection({ key }))));
    expect(racing.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)]);
  });

  it.each([
    ['google', { oidc: { client_id: 'us' } }, { issuer: 'https://accounts.google.com' }],
    ['gitlab', { oidc: { client_id: 'us', issuer: 'https://git.example' } }, { issuer: 'https://git.example' }],
    [
      'microsoft',
      { oidc: { client_id: 'us', directory: '7e6ca2ab-9d4c-4a02-a2ae-8f6ee1bb2a33' } },
      { issuer: 'https://login.microsoftonline.com/7e6ca2ab-9d4c-4a02-a2ae-8f6ee1bb2a33/v2.0' },
    ],
    ['apple', { oidc: { client_id: 'us' } }, { issuer: 'https://appleid.apple.com', response_mode: 'form_post' }],
  ])('the preset %s says what is left out, and nothing that was said', async (preset, settings, expected) => {
    const { id } = await make({ preset, settings });
    expect((await api('get', `/${id}`)).body.settings).toEqual(settings);
    const read = await server.inside(async ({ connections }) => (await connections.find(null, id)).settings);
    expect(read.oidc).toMatchObject(expected);
  });

  it('the preset github needs a client alone', async () => {
    const { id } = await make({ preset: 'github', kind: 'oauth2', settings: { oauth2: { client_id: 'us' } } });
    expect((await api('put', `/${id}/enablement`)).status).toBe(204);
  });

  it('tell what to type in over there', async () => {
    const { id } = await make();
    expect((await api('get', `/${id}/service-provider`)).body).toEqual({
      redirect_uri: `${server.issuer}/federation/${id}/callback`,
      backchannel_logout_uri: `${server.issuer}/federation/${id}/backchannel-logout`,
      post_logout_redirect_uri: `${server.issuer}/federation/${id}/signed-out`,
      jwks_uri: `${server.issuer}/jwks`,
    });
    expect((await api('post', `/${id}/keys`)).body.code).toBe('no_keys');
  });
});
