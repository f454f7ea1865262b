import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { newConnection, oidcSettings } from '../support/connection-settings.js';
import { proveDomain } from '../support/connections.js';
import { asPerson, makeMember, makeOrganization, newName } from '../support/invitations.js';
import { startServer, type TestServer } from '../support/server.js';

describe('connections of an organization', () => {
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    token = await tokenWith(server, 'connections:read connections:write');
  });

  const api = (method: string, path = '', body?: unknown) => ask(server, token, method, `/connections${path}`, body);

  const at = (organization: { slug: string }, method: string, path = '', body?: unknown) =>
    ask(server, token, method, `/organizations/${organization.slug}/connections${path}`, body);

  const named = ({ slug }: { slug: string }) => ({ key: `${slug}-${newName()}` });

  it('are there only', async () => {
    const [acme, other] = [await makeOrganization(server), await makeOrganization(server)];
    const { id } = (await at(acme, 'post', '', newConnection())).body as { id: string };
    expect((await at(acme, 'get', `/${id}`)).body.organization_id).toBe(acme.id);
    const own = (await api('post', '', newConnection())).body as { id: string };
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
        connections.create(
          acme,
          newConnection({ ...named(acme), settings: { ...oidcSettings(), ...settings } }) as never,
        ),
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

  it.each([
    ['its keys', { oidc: { metadata: { jwks_uri: 'https://other.example/jwks' } } }],
    ['where it is asked', { oidc: { metadata: { token_endpoint: 'https://other.example/token' } } }],
    ['another provider', { oidc: { issuer: 'https://other.example' } }],
    ['what counts as one', { oidc: { mfa: { amr: ['pwd'] } } }],
    ['which classes count as one', { oidc: { mfa: { acr: ['urn:any'] } } }],
    ['how old it may be', { oidc: { clock_skew_seconds: 300 } }],
  ])(
    '%s is not for their owners where the tenant trusts its second factor, until they do without',
    async (_what, said) => {
      const acme = await makeOrganization(server);
      const owner = await makeMember(server, acme, 'owner');
      const settings = { ...oidcSettings(), trust: { mfa: true } };
      const { id } = (await at(acme, 'post', '', newConnection({ settings }))).body as { id: string };
      const change = (asked: object) =>
        asPerson(server, owner, async ({ connections }) =>
          connections.update(acme, await connections.find(acme, id), { settings: asked } as never),
        );
      await expect(change(said)).rejects.toMatchObject({ status: 403, code: 'tenant_only' });
      expect((await at(acme, 'get', `/${id}`)).body.settings).toEqual(settings);
      await expect(change({ ...said, trust: { mfa: true } })).rejects.toMatchObject({ code: 'tenant_only' });
      // To say the same again, and what is not about the provider, is theirs.
      await change({ ...oidcSettings(), discovery: 'off' });
      await change({ ...said, trust: { mfa: false } });
      await expect(change({ trust: { mfa: true } })).rejects.toMatchObject({ code: 'tenant_only' });
      expect((await at(acme, 'patch', `/${id}`, { settings: { trust: { mfa: true } } })).status).toBe(200);
      expect((await at(acme, 'patch', `/${id}`, { settings: { oidc: { mfa: { amr: ['mfa', 'hwk'] } } } })).status).toBe(
        200,
      );
    },
  );

  it('have keys of their own where an owner says them: nobody takes the name by which another one is asked for', async () => {
    const [acme, globex] = [await makeOrganization(server), await makeOrganization(server)];
    const owner = await makeMember(server, acme, 'owner');
    const create = (key: string) =>
      asPerson(server, owner, ({ connections }) => connections.create(acme, newConnection({ key }) as never));
    const there = (await api('post', '', newConnection())).body as { key: string };
    const theirs = (await at(globex, 'post', '', newConnection({ key: `${globex.slug}-okta` }))).body as {
      key: string;
    };
    for (const key of ['google', there.key, theirs.key, globex.slug, acme.slug, `${acme.slug}-`, `x${acme.slug}-okta`])
      await expect(create(key)).rejects.toMatchObject({ status: 422, details: { issues: [{ pointer: '/key' }] } });
    const made = await create(`${acme.slug}-okta`);
    const change = (patch: object) =>
      asPerson(server, owner, async ({ connections }) =>
        connections.update(acme, await connections.find(acme, made.id), patch as never),
      );
    await expect(change({ key: 'google' })).rejects.toMatchObject({ status: 422 });
    // What the tenant has chosen for them stays.
    expect((await at(acme, 'patch', `/${made.id}`, { key: `sso-${newName()}` })).status).toBe(200);
    await change({ display_name: 'Okta' });
  });

  it('are an owner’s business: who says which provider speaks decides who is who, owners too', async () => {
    const acme = await makeOrganization(server);
    const admin = await makeMember(server, acme, 'admin');

    const made = asPerson(server, admin, ({ connections }) =>
      connections.create(acme, newConnection(named(acme)) as never),
    );
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

  it('show what somebody would become, and make nobody', async () => {
    const acme = await makeOrganization(server);
    const domain = `${newName()}.example`;
    await proveDomain(server, acme, domain);
    const { id: team } = await server.inside(({ teams }) => teams.create(acme, { slug: 'sales', name: 'Sales' }));
    const provisioning = {
      required_groups: ['staff'],
      groups: [
        { group: 'admins', role: 'admin' },
        { group: 'sales', teams: [team] },
      ],
    };
    const mapping = { name: ['cn', 'name'] };
    const settings = { ...oidcSettings(), provisioning, mapping, trust: { email: 'always' } };
    const { id } = (await at(acme, 'post', '', newConnection({ settings }))).body as { id: string };
    const shown = async (attributes: Record<string, string[]>) =>
      (await at(acme, 'post', `/${id}/mapping-previews`, { attributes })).body;
    const groups = ['staff', 'sales', 'admins'];
    expect(await shown({ email: [`maria@${domain}`], cn: ['Maria'], name: ['M'], groups })).toEqual({
      email: `maria@${domain}`,
      email_verified: true,
      claims: { name: 'Maria' },
      groups,
      dropped: [],
      admitted: true,
      membership: { role: 'admin', roles: [], teams: [team] },
    });
    expect(
      await shown({ email: ['maria@globex.example'], email_verified: ['true'], locale: ['no such'] }),
    ).toMatchObject({
      email_verified: false,
      admitted: false,
      membership: { role: 'member', teams: [] },
      dropped: [{ claim: 'locale', attribute: 'locale' }],
    });
    const people = await server.services.db.pool.query('SELECT 1 FROM users WHERE email_normalized LIKE $1', [
      `%@${domain}`,
    ]);
    expect(people.rows).toEqual([]);
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`a${index}`, ['x']]));
    expect((await at(acme, 'post', `/${id}/mapping-previews`, { attributes: many })).status).toBe(422);
  });
});
