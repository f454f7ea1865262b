import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { ask, tokenWith } from '../../support/api.js';
import { Browser } from '../../support/browser.js';
import { McpClient, McpMemory } from '../../support/mcp-client.js';
import { type ProtectedServer, startMcpServer } from '../../support/mcp-server.js';
import { until } from '../../support/pair.js';
import { codeOf, makePerson, signIn } from '../../support/party.js';
import { freePort, startServer, type TestServer } from '../../support/server.js';

const document = 'https://editor.example/client.json';

describe('an MCP server and the client of the SDK', () => {
  let server: TestServer;
  let notes: ProtectedServer;
  let calendar: ProtectedServer;
  let person: { id: string; email: string };

  /** Registered once: what it tells of itself is exported from here. */
  async function protect(name: string, scope: string): Promise<ProtectedServer> {
    const port = await freePort();
    const token = await tokenWith(server, 'resources:read resources:write');
    const made = await ask(server, token, 'post', '/resources', {
      identifier: `http://localhost:${port}/mcp`,
      name,
      scopes: [{ name: scope, description: `Use your ${name}` }],
      access_token_format: 'jwt',
      dynamic_clients: true,
    });
    expect(made.status).toBe(201);
    const metadata = async () => (await ask(server, token, 'get', `/resources/${made.body.id}/metadata`)).body;
    return startMcpServer({ issuer: server.issuer, port, scope, metadata });
  }

  beforeAll(async () => {
    server = await startServer();
    server.services.egress.fetch = async (input) =>
      String(input) === document
        ? Response.json({ ...new McpMemory().clientMetadata, client_id: document, application_type: 'native' })
        : new Response('', { status: 404 });
    const tenant = await server.services.tenants.find('default');
    await server.services.tenants.update(tenant, {
      settings: {
        protocol: {
          registration: 'open',
          open_registration: { scopes: ['notes', 'calendar'] },
          client_id_metadata_documents: { hosts: ['editor.example'] },
        },
      },
    });
    await until('the policy is known', async () => {
      const answer = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
      return 'client_id_metadata_document_supported' in ((await answer.json()) as object);
    });
    notes = await protect('notes', 'notes');
    calendar = await protect('calendar', 'calendar');
    person = await makePerson(server);
  }, 180_000);
  afterAll(async () => {
    await notes?.close();
    await calendar?.close();
    await server?.close();
  });

  const authorized = async (memory: McpMemory, at = notes): Promise<McpClient> => {
    const client = new McpClient(at.resource, memory);
    expect(await client.connect()).toBe(false);
    await client.finish(codeOf(await signIn(new Browser(), memory.sentTo, person.email)));
    expect(await client.connect()).toBe(true);
    return client;
  };

  it('who comes without a token is told where to get one (RFC 9728 §5.1)', async () => {
    const answer = await fetch(notes.resource, { method: 'POST' });
    expect(answer.status).toBe(401);
    const [, address = ''] = /resource_metadata="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '') ?? [];
    expect(await (await fetch(address)).json()).toMatchObject({
      resource: notes.resource,
      authorization_servers: [server.issuer],
      scopes_supported: ['notes'],
    });
  });

  describe.each([
    ['that registers itself (RFC 7591)', undefined],
    ['that is described by its document (OAuth Client ID Metadata Document)', document],
  ])('a client %s', (_how, address) => {
    const memory = new McpMemory(address);
    let client: McpClient;
    afterAll(() => client?.close());

    it('finds us by the server, and gets a token for exactly that server', async () => {
      client = await authorized(memory);
      if (address === undefined) expect(memory.client?.client_id).toMatch(/^[\w-]{8,}$/);
      else expect(memory.client?.client_id).toBe(address);
      const asked = new URL(memory.sentTo).searchParams;
      expect([asked.get('resource'), asked.get('scope'), asked.get('code_challenge_method')]).toEqual([
        notes.resource,
        'notes',
        'S256',
      ]);
      const { aud, sub, client_id, scope } = decodeJwt(memory.kept?.access_token ?? '');
      expect([aud, sub, client_id, scope]).toEqual([notes.resource, person.id, memory.client?.client_id, 'notes']);
      expect(await client.whose()).toBe(person.id);
    });

    it('refreshes it by itself', async () => {
      const before = memory.kept;
      memory.kept = { ...before, access_token: 'run.out.already', token_type: 'Bearer' };
      expect(await client.whose()).toBe(person.id);
      expect(memory.kept?.refresh_token).toEqual(expect.any(String));
      expect(memory.kept?.refresh_token).not.toBe(before?.refresh_token);
      expect(decodeJwt(memory.kept?.access_token ?? '').aud).toBe(notes.resource);
    });

    it('is refused with it at a second server, and at our own API', async () => {
      const headers = { authorization: `Bearer ${memory.kept?.access_token}` };
      const elsewhere = await fetch(calendar.resource, { method: 'POST', headers });
      expect([elsewhere.status, elsewhere.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringContaining('error="invalid_token"'),
      ]);
      expect((await fetch(`${server.issuer}/api/v1/users`, { headers })).status).toBe(401);
      expect((await fetch(`${server.issuer}/userinfo`, { headers })).status).toBe(401);
    });

    it('asks the person again for the second server, and gets a token of its own', async () => {
      const other = new McpMemory(address);
      const second = await authorized(other, calendar);
      expect(await second.whose()).toBe(person.id);
      expect(decodeJwt(other.kept?.access_token ?? '')).toMatchObject({ aud: calendar.resource, scope: 'calendar' });
      await second.close();
    });

    it('gets nothing for a server that takes registered clients only', async () => {
      const closed = 'https://closed.example/mcp';
      await server.inside(async ({ resources }) => {
        if (!(await resources.findByIdentifier(closed)))
          await resources.create({ identifier: closed, name: 'Closed', scopes: [{ name: 'closed' }] });
      });
      const url = new URL(memory.sentTo);
      url.searchParams.set('resource', closed);
      url.searchParams.set('scope', 'openid closed');
      for (const scope of ['openid closed', 'openid', 'notes']) {
        url.searchParams.set('scope', scope);
        const { searchParams } = new URL((await new Browser().open(url.href)).url);
        expect([scope, searchParams.get('error')]).toEqual([scope, 'invalid_target']);
      }
      const granted = await server.inside(({ db }) =>
        db.manager.query(`SELECT payload FROM grants WHERE client_id = $1`, [memory.client?.client_id]),
      );
      expect(JSON.stringify(granted)).not.toContain('"closed"');
    });
  });
});
