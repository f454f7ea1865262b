import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { CertificateMaker } from '../support/client-certificates.js';
import { certificatesOf, newConnection, oidcSettings, samlSettings } from '../support/connection-settings.js';
import { asPerson, makeMember, makeOrganization } from '../support/invitations.js';
import { defaultKind, startServer, type TestServer } from '../support/server.js';

describe('connections: identity providers that the tenant trusts', () => {
  const maker = new CertificateMaker();
  const { good, expired } = certificatesOf(maker);
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(async () => {
    maker.remove();
    await server?.close();
  });
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
    ((body.errors ?? body.issues ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);
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

  describe('by SAML', () => {
    const saml = (settings: object, more: object = {}) =>
      make({ kind: 'saml', settings, client_secret: undefined, ...more });

    it('show the certificates of the identity provider, and how long they hold', async () => {
      const { id } = await saml(samlSettings(good, expired));
      const { identity_provider } = (await api('get', `/${id}`)).body as { identity_provider: Record<string, unknown> };
      expect(identity_provider).toMatchObject({
        name: 'https://idp.example/metadata',
        certificates: [
          { subject: 'CN=client', days_left: 1, fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/) },
          { days_left: expect.any(Number) },
        ],
      });
      expect((await api('put', `/${id}/enablement`)).status).toBe(204);
    });

    it('with certificates that have all expired are refused, and one that holds is enough', async () => {
      const refused = await api(
        'post',
        '',
        newConnection({ kind: 'saml', settings: samlSettings(expired), client_secret: undefined }),
      );
      expect([refused.status, pointers(refused)]).toEqual([422, ['/settings/saml/idp/certificates']]);
      const { id } = await saml(samlSettings(good));
      expect((await api('patch', `/${id}`, { settings: samlSettings(expired) })).status).toBe(422);
      expect((await api('patch', `/${id}`, { settings: samlSettings(expired, good) })).status).toBe(200);
    });

    it.each([
      ['no certificate', 'x'],
      ['a private key', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----'],
      ['two in one', ''],
    ])('%s in place of a certificate is refused', async (what, pem) => {
      const given = what === 'two in one' ? good + good : pem;
      const body = newConnection({ kind: 'saml', settings: samlSettings(given), client_secret: undefined });
      expect((await api('post', '', body)).status).toBe(422);
    });

    it.each([
      ['a client secret', { client_secret: 'x' }],
      ['metadata that is none', { metadata: '<nothing/>' }],
      [
        'both idp and metadata_url',
        { settings: { saml: { ...samlSettings(good).saml, metadata_url: 'https://idp.example/m' } } },
      ],
    ])('%s is refused: 422', async (_what, more) => {
      const given = { kind: 'saml', settings: samlSettings(good), client_secret: undefined, ...more };
      expect((await api('post', '', newConnection(given))).status).toBe(422);
    });

    it('have a key of ours from the beginning, which is renewed in two steps', async () => {
      const { id } = await saml(samlSettings(good));
      const there = `${server.issuer}/saml/${id}`;
      const before = (await api('get', `/${id}/service-provider`)).body;
      expect(before).toMatchObject({
        entity_id: `${there}/metadata`,
        metadata: `${there}/metadata`,
        assertion_consumer_service: `${there}/acs`,
        single_logout_service: `${there}/slo`,
        keys: [{ status: 'current', pem: expect.stringContaining('BEGIN CERTIFICATE'), days_left: expect.any(Number) }],
      });
      type Keys = { status: string; fingerprint: string }[];
      const rotated = async () => (await api('post', `/${id}/keys`)).body.keys as Keys;
      const first = (before.keys as Keys)[0]?.fingerprint;
      const two = await rotated();
      expect(two.map(({ status }) => status)).toEqual(['next', 'current']);
      expect(two[1]?.fingerprint).toBe(first);
      const turned = await rotated();
      expect(turned.map(({ status, fingerprint }) => [status, fingerprint])).toEqual([
        ['current', two[0]?.fingerprint],
        ['previous', first],
      ]);
      await rotated();
      const again = await rotated();
      expect(again.map(({ fingerprint }) => fingerprint)).not.toContain(first);
      expect(again.map(({ status }) => status)).toEqual(['current', 'previous']);
      expect((await eventsOf(id)).slice(1)).toEqual(Array(4).fill('connection.keys_rotated'));
    }, 60_000);

    it('sign and decrypt with keys that are sealed: each with the certificate it belongs to', async () => {
      const { id } = await saml(samlSettings(good));
      const [key] = await server.inside(async ({ connections, connectionKeys }) =>
        connectionKeys.opened(await connections.find(null, id)),
      );
      const { X509Certificate, createPrivateKey } = await import('node:crypto');
      const certificate = new X509Certificate(key?.certificate ?? '');
      expect(certificate.checkPrivateKey(createPrivateKey(key?.privateKey ?? ''))).toBe(true);
      expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
      const { rows } = await server.services.db.pool.query('SELECT * FROM connection_keys WHERE connection_id = $1', [
        id,
      ]);
      expect(JSON.stringify(rows)).not.toContain('PRIVATE KEY');
    });

    it.each(defaultKind === 'postgres' ? [5] : [])(
      '%i steps at once are one',
      async (count) => {
        const { id } = await saml(samlSettings(good));
        const racing = await Promise.all(Array.from({ length: count }, () => api('post', `/${id}/keys`)));
        expect(racing.map(({ status }) => status).sort()).toEqual([200, ...Array(count - 1).fill(409)]);
        const keys = (await api('get', `/${id}/service-provider`)).body.keys as { status: string }[];
        expect(keys.map(({ status }) => status)).toEqual(['next', 'current']);
      },
      60_000,
    );
  });

  describe('of an organization', () => {
    const at = (organization: { slug: string }, method: string, path = '', body?: unknown) =>
      ask(server, token, method, `/organizations/${organization.slug}/connections${path}`, body);

    it('are there only', async () => {
      const [acme, other] = [await makeOrganization(server), await makeOrganization(server)];
      const { id } = (await at(acme, 'post', '', newConnection())).body as { id: string };
      expect((await at(acme, 'get', `/${id}`)).body.organization_id).toBe(acme.id);
      const own = await make();
      for (const answer of [
        await at(other, 'get', `/${id}`),
        await at(other, 'delete', `/${id}`),
        await at(other, 'put', `/${id}/enablement`),
        await at(acme, 'get', `/${own.id}`),
        await at(acme, 'patch', `/${own.id}`, { display_name: 'Mine' }),
        await api('get', `/${id}`),
        await api('patch', `/${id}`, { display_name: 'Mine' }),
        await api('delete', `/${id}`),
      ])
        expect(answer.status).toBe(404);
      expect(((await at(acme, 'get')).body.items as { id: string }[]).map((one) => one.id)).toEqual([id]);
    });

    it.each([
      ['domains it has not proved', { domains: ['globex.example'] }],
      ['a button for everybody', { button: true }],
      ['a role nobody has', { provisioning: { roles: ['00000000-0000-7000-8000-000000000000'] } }],
      [
        'a team nobody has',
        { provisioning: { groups: [{ group: 'x', teams: ['00000000-0000-7000-8000-000000000000'] }] } },
      ],
    ])('%s are refused: 422', async (_what, settings) => {
      const acme = await makeOrganization(server);
      const body = newConnection({ settings: { ...oidcSettings(), ...settings } });
      expect((await at(acme, 'post', '', body)).status).toBe(422);
      const { id } = (await at(acme, 'post', '', newConnection())).body as { id: string };
      expect((await at(acme, 'patch', `/${id}`, { settings })).status).toBe(422);
    });

    it('take the roles and teams of their organization, and of no other', async () => {
      const [acme, other] = [await makeOrganization(server), await makeOrganization(server)];
      const [mine, theirs] = await server.inside(async ({ teams }) => [
        await teams.create(acme, { slug: 'sales', name: 'Sales' }),
        await teams.create(other, { slug: 'sales', name: 'Sales' }),
      ]);
      const body = (team: string) =>
        newConnection({ settings: { ...oidcSettings(), provisioning: { groups: [{ group: 'x', teams: [team] }] } } });
      expect((await at(acme, 'post', '', body(mine?.id ?? ''))).status).toBe(201);
      expect((await at(acme, 'post', '', body(theirs?.id ?? ''))).status).toBe(422);
    });

    it('say whose second factor counts only where the tenant says so', async () => {
      const acme = await makeOrganization(server);
      const owner = await makeMember(server, acme, 'owner');

      const mfa = { trust: { mfa: true } };
      const asked = (settings: object) =>
        asPerson(server, owner, ({ connections }) =>
          connections.create(acme, newConnection({ settings: { ...oidcSettings(), ...settings } }) as never),
        );
      await expect(asked(mfa)).rejects.toMatchObject({ status: 403, code: 'tenant_only' });
      const { id } = await asked({});
      const change = (settings: object) =>
        asPerson(server, owner, async ({ connections }) =>
          connections.update(acme, await connections.find(acme, id), { settings } as never),
        );
      await expect(change(mfa)).rejects.toMatchObject({ status: 403, code: 'tenant_only' });
      expect((await at(acme, 'patch', `/${id}`, { settings: mfa })).status).toBe(200);
      await expect(change({ discovery: 'off' })).resolves.toMatchObject({ id });
    });

    it('are an owner’s business: who says which provider speaks decides who is who, owners too', async () => {
      const acme = await makeOrganization(server);
      const admin = await makeMember(server, acme, 'admin');

      const made = asPerson(server, admin, ({ connections }) => connections.create(acme, newConnection() as never));
      await expect(made).rejects.toMatchObject({ status: 403, code: 'role_too_low' });
    });

    it('are so many and no more, of many at once too', async () => {
      const acme = await makeOrganization(server);
      const racing = await Promise.all(Array.from({ length: 14 }, () => at(acme, 'post', '', newConnection())));
      const refused = racing.filter(({ status }) => status !== 201);
      expect(refused.map(({ status, body }) => [status, body.code])).toEqual(
        Array(4).fill([409, 'too_many_connections']),
      );
    });

    it('go with it', async () => {
      const acme = await makeOrganization(server);
      const { id } = (await at(acme, 'post', '', newConnection())).body as { id: string };
      await server.inside(({ organizations }) => organizations.delete(acme));
      const { rows } = await server.services.db.pool.query('SELECT 1 FROM connections WHERE id = $1', [id]);
      expect(rows).toEqual([]);
    });
  });
});
