import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { withContext } from '../../../src/platform/context.js';
import { ask, tokenWith } from '../../support/api.js';
import { until } from '../../support/pair.js';
import { startServer, type TestServer } from '../../support/server.js';
import { recordStatements } from '../../support/statements.js';

const wellKnown = '/.well-known/oauth-protected-resource';

describe('protected resource metadata (RFC 9728)', () => {
  let server: TestServer;
  let notes: string;
  let ofAcme: string;

  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${server.issuer}${path}`, { redirect: 'manual', ...init });
  const documentAt = async (path: string) => {
    const answer = await get(path);
    expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
      path,
      200,
      expect.stringMatching(/^application\/json(;|$)/),
    ]);
    return (await answer.json()) as Record<string, unknown>;
  };

  beforeAll(async () => {
    server = await startServer();
    notes = `${server.issuer}/mcp/notes`;
    ofAcme = `${server.issuer}/t/acme/mcp`;
    await server.inside(async ({ resources, tenants }) => {
      await resources.create({
        identifier: notes,
        name: 'Notes',
        scopes: [{ name: 'notes:read' }, { name: 'notes:write' }, { name: 'notes:admin' }],
        metadata: {
          scopes_supported: ['notes:read', 'notes:write'],
          resource_documentation: 'https://docs.example/notes',
          dpop_bound_access_tokens_required: true,
        },
        authorization_details_types: [
          { type: 'notebook', description: 'Read a notebook', schema: { type: 'object', properties: {} } },
        ],
      });
      await resources.create({ identifier: `${server.issuer}/mcp?tools=all`, name: 'Tools' });
      await resources.create({ identifier: 'https://elsewhere.example/mcp', name: 'Elsewhere' });
      const acme = await tenants.create({ slug: 'acme', name: 'Acme' });
      await withContext({ tenantId: acme.id }, async () => {
        await resources.create({ identifier: ofAcme, name: 'Tools of Acme' });
      });
    });
  }, 180_000);
  afterAll(() => server?.close());

  it('says which resource it is, who authorizes, and what can be asked for (§2)', async () => {
    expect(await documentAt(`${wellKnown}/mcp/notes`)).toEqual({
      resource: notes,
      authorization_servers: [server.issuer],
      resource_name: 'Notes',
      scopes_supported: ['notes:read', 'notes:write'],
      bearer_methods_supported: ['header'],
      resource_documentation: 'https://docs.example/notes',
      dpop_bound_access_tokens_required: true,
      authorization_details_types_supported: ['notebook'],
    });
  });

  it('lies where its identifier says, a query included (§3.1)', async () => {
    expect((await documentAt(`${wellKnown}/mcp?tools=all`)).resource).toBe(`${server.issuer}/mcp?tools=all`);
    expect((await get(`${wellKnown}/mcp`)).status).toBe(404);
    expect((await documentAt(`${wellKnown}/t/acme/mcp`)).resource).toBe(ofAcme);
  });

  it('has the identifier to the byte, or is not there (§3.3)', async () => {
    for (const path of [
      '/mcp/notes/',
      '/MCP/notes',
      '/mcp//notes',
      '/mcp/notes?x=1',
      '/mcp/%6eotes',
      '',
      '/',
      '/unknown',
    ])
      expect([path, (await get(`${wellKnown}${path}`)).status]).toEqual([path, 404]);
  });

  it('has question marks in its query as they are (RFC 3986 §3.4)', async () => {
    for (const [tenantId, identifier, path] of [
      ['acme', `${ofAcme}?one=a?b=c`, '/t/acme/mcp?one=a?b=c'],
      ['default', `${server.issuer}/mcp?one=a?b=c`, '/mcp?one=a?b=c'],
    ] as const) {
      const { id } = await server.inside(({ tenants }) => tenants.find(tenantId));
      await withContext({ tenantId: id }, () => server.services.resources.create({ identifier, name: 'Asked' }));
      await until('it is published', async () => (await get(`${wellKnown}${path}`)).status === 200);
      expect((await documentAt(`${wellKnown}${path}`)).resource).toBe(identifier);
    }
  });

  it('is looked up where there is one alone: whoever asks for others costs nothing', async () => {
    await documentAt(`${wellKnown}/mcp/notes`);
    const sent = recordStatements();
    for (const path of ['/mcp/notes', '/x', '/mcp/notes/', '/mcp/x?y', '', `/${'x'.repeat(2000)}`])
      expect([path, (await get(`${wellKnown}${path}`)).status]).toEqual([path, path === '/mcp/notes' ? 200 : 404]);
    expect([...sent.values()].flat()).toEqual([]);
    jest.restoreAllMocks();
  });

  it('is there as soon as the resource is, and as long', async () => {
    const status = async () => (await get(`${wellKnown}/mcp/passing`)).status;
    expect(await status()).toBe(404);
    const made = await server.inside(({ resources }) =>
      resources.create({ identifier: `${server.issuer}/mcp/passing`, name: 'Passing' }),
    );
    expect(await status()).toBe(200);
    await server.inside(({ resources }) => resources.delete(made));
    expect(await status()).toBe(404);
  });

  it('knows nothing of another tenant’s resource, nor of one that lies elsewhere', async () => {
    for (const path of [
      '/t/acme/mcp/notes',
      '/t/nobody/mcp',
      '/elsewhere.example/mcp',
      '/https://elsewhere.example/mcp',
    ])
      expect([path, (await get(`${wellKnown}${path}`)).status]).toEqual([path, 404]);
    expect(await (await get(`${wellKnown}/t/acme/mcp`)).text()).not.toContain(`"${server.issuer}"`);
  });

  it('is read by programs in pages of any origin, and kept a while (§3.2)', async () => {
    const answer = await get(`${wellKnown}/mcp/notes`, { headers: { origin: 'https://spa.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect((await get(`${wellKnown}/mcp/notes`, { method: 'HEAD' })).status).toBe(200);
  });

  describe('our own API', () => {
    it.each([
      ['without a token', undefined],
      ['with a token nobody gave', 'nobodys'],
    ])('%s names where its metadata lies (§5.1)', async (_what, token) => {
      const challenge = (await ask(server, token, 'get', '/users')).headers.get('www-authenticate') ?? '';
      const [, address = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? [];
      expect(address).toBe(`${server.issuer}${wellKnown}/api`);
      const { resource, authorization_servers } = await documentAt(`${wellKnown}/api`);
      expect([resource, authorization_servers]).toEqual([`${server.issuer}/api`, [server.issuer]]);
    });

    it('with too small a token as well (§5.1)', async () => {
      const token = await tokenWith(server, 'users:read');
      const answer = await ask(server, token, 'get', '/resources');
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        403,
        expect.stringContaining(`resource_metadata="${server.issuer}${wellKnown}/api"`),
      ]);
    });

    it('is each tenant’s own', async () => {
      const { resource, scopes_supported } = await documentAt(`${wellKnown}/t/acme/api`);
      expect(resource).toBe(`${server.issuer}/t/acme/api`);
      expect(scopes_supported).not.toContain('tenants:write');
      const answer = await fetch(`${server.issuer}/t/acme/api/v1/users`);
      expect(answer.headers.get('www-authenticate')).toContain(`${server.issuer}${wellKnown}/t/acme/api"`);
    });
  });

  it('is found from the authorization server, for resources that are open to clients whom nobody has registered, and no others (§4)', async () => {
    const open = 'https://tools.example/mcp';
    const told = async (suffix: string, prefix = '') => {
      const answer = await fetch(`${server.issuer}${prefix}/.well-known/${suffix}`);
      return ((await answer.json()) as { protected_resources?: string[] }).protected_resources;
    };
    const names = ['openid-configuration', 'oauth-authorization-server'];
    for (const name of names) expect(await told(name)).toBeUndefined();
    const made = await server.inside(({ resources }) =>
      resources.create({ identifier: open, name: 'Open tools', dynamic_clients: true }),
    );
    for (const name of names)
      await until('it is told of', async () => JSON.stringify(await told(name)) === JSON.stringify([open]));
    expect(await told('openid-configuration', '/t/acme')).toBeUndefined();
    await server.inside(async ({ resources }) => resources.update(made, { dynamic_clients: null }));
    await until('it is told of no more', async () => (await told('openid-configuration')) === undefined);
    await server.inside(async ({ resources }) => resources.update(made, { dynamic_clients: true }));
    await until('it is told of again', async () => (await told('openid-configuration')) !== undefined);
    await server.inside(async ({ resources }) => resources.delete(await resources.find(made.id)));
    await until('it is gone', async () => (await told('openid-configuration')) === undefined);
  });

  it('is exported for a resource that hosts it itself (§3)', async () => {
    const token = await tokenWith(server, 'resources:read resources:write');
    const { items } = (await ask(server, token, 'get', '/resources')).body as { items: { id: string; name: string }[] };
    const { id } = items.find(({ name }) => name === 'Elsewhere') ?? { id: '' };
    const { body } = await ask(server, token, 'get', `/resources/${id}/metadata`);
    expect(body).toEqual({
      resource: 'https://elsewhere.example/mcp',
      authorization_servers: [server.issuer],
      resource_name: 'Elsewhere',
      bearer_methods_supported: ['header'],
    });
    await ask(server, token, 'patch', `/resources/${id}`, {
      metadata: { resource_tos_uri: 'https://elsewhere.example/tos' },
    });
    expect((await ask(server, token, 'get', `/resources/${id}/metadata`)).body).toMatchObject({
      resource_tos_uri: 'https://elsewhere.example/tos',
    });
    const wrong = await ask(server, token, 'patch', `/resources/${id}`, {
      metadata: { resource_tos_uri: 'javascript:x' },
    });
    expect(wrong.status).toBe(422);
  });
});
