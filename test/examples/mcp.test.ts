// examples/mcp-client calls examples/mcp-server, as their readers run them; then everybody who may not. The test is the system's browser.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { declareExamples, type Example, runExample } from '../support/examples.js';
import { until } from '../support/pair.js';
import { makeClient, makePerson, signIn, tokensFor } from '../support/party.js';
import { freePort, startServer, type TestServer } from '../support/server.js';

describe('the examples of an MCP server, and of a client that calls it', () => {
  let server: TestServer;
  let notes: Example;
  let origin: string;
  let environment: Record<string, string>;
  let person: { id: string; email: string };

  beforeAll(async () => {
    server = await startServer();
    const port = await freePort();
    origin = `http://localhost:${port}`;
    await declareExamples(server, { 8085: port });
    environment = { ISSUER: server.issuer, API: `${origin}/mcp`, BROWSER: 'true' };
    person = await makePerson(server);
    notes = runExample('mcp-server', { ISSUER: server.issuer, ORIGIN: origin });
    await notes.said('ready');
  }, 180_000);
  afterAll(async () => {
    notes?.stop();
    await server?.close();
  });

  const token = async (resource: string, scope: string) => {
    const party = await makeClient(server);
    return (await tokensFor(server, party, person.email, { resource, scope })).access_token;
  };
  const call = (headers: Record<string, string>) =>
    fetch(`${origin}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    });

  it('the client finds the issuer by the server, is let in by the person, calls a tool, and ends with 0', async () => {
    const example = runExample('mcp-client', environment);
    const address = new URL(await example.said(`${server.issuer}/authorize`));
    const asked = Object.fromEntries(address.searchParams);
    expect(asked).toMatchObject({
      client_id: 'example-mcp-client',
      resource: `${origin}/mcp`,
      scope: 'notes:write',
      code_challenge_method: 'S256',
    });
    // Anybody on this machine may ask the port; none of it is an answer, and the sign-in goes on.
    const { origin: port } = new URL(String(asked.redirect_uri));
    for (const path of ['/', '//:', '/callback', '/callback?state=x&code=y'])
      expect([path, (await fetch(port + path)).status]).toEqual([path, 404]);

    const page = await signIn(new Browser(), address.href, person.email);
    expect(await (await fetch(page.url)).text()).toContain('close this window');
    await example.said('has: add_note');
    expect([await example.ended(), example.lines.at(-1)]).toEqual([0, 'Buy a ticket to Lisbon']);
    expect(example.lines.join('\n')).not.toContain('eyJ');
  });

  it('the client ends with a sentence where the person says no, and where another server answers (RFC 9207 §2.4)', async () => {
    for (const [answer, words] of [
      [{ error: 'access_denied', iss: server.issuer }, 'Nobody allowed it: access_denied'],
      [{ code: 'x', iss: 'https://evil.example' }, 'Another server has answered than the one that was asked.'],
      [{ code: 'x' }, 'Another server has answered than the one that was asked.'],
    ] as const) {
      const example = runExample('mcp-client', environment);
      const { searchParams } = new URL(await example.said(`${server.issuer}/authorize`));
      const state = String(searchParams.get('state'));
      await fetch(`${searchParams.get('redirect_uri')}?${new URLSearchParams({ ...answer, state })}`);
      expect([await example.ended(), example.lines.at(-1)]).toEqual([1, words]);
    }
  });

  it('the client says in a sentence that the server cannot be reached', async () => {
    const API = `http://localhost:${await freePort()}/mcp`;
    const example = runExample('mcp-client', { ...environment, API });
    expect([await example.ended(), example.lines]).toEqual([1, [`${API}: fetch failed: ECONNREFUSED`]]);
  });

  it('the client registers itself where the tenant lets it (RFC 7591), and notes are those of the person', async () => {
    const tenant = await server.services.tenants.find('default');
    await server.services.tenants.update(tenant, {
      settings: { protocol: { registration: 'open', open_registration: { scopes: ['notes:write'] } } },
    });
    await until('the policy is known', async () => {
      const answer = await fetch(`${server.issuer}/.well-known/openid-configuration`);
      return 'registration_endpoint' in ((await answer.json()) as object);
    });
    const another = await makePerson(server);
    const example = runExample('mcp-client', environment, '--register');
    const address = new URL(await example.said(`${server.issuer}/authorize`));
    expect(address.searchParams.get('client_id')).not.toBe('example-mcp-client');
    await fetch((await signIn(new Browser(), address.href, another.email)).url);
    expect(await example.ended()).toBe(0);
    expect(example.lines.slice(-2)).toEqual(['Your notes:', 'Buy a ticket to Lisbon']);
  });

  it('the server says of itself what the authorization server exports for it (RFC 9728 §2)', async () => {
    const answer = await call({});
    const [, address = ''] = /resource_metadata="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '') ?? [];
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      expect.not.stringContaining('error'),
    ]);
    const administrator = await tokenWith(server, 'resources:read');
    const { body } = await ask(server, administrator, 'get', '/resources');
    const resources = body.items as { id: string; identifier: string }[];
    const id = resources.find(({ identifier }) => identifier === `${origin}/mcp`)?.id;
    const exported = (await ask(server, administrator, 'get', `/resources/${id}/metadata`)).body;
    expect(await (await fetch(address)).json()).toEqual(exported);
  });

  it('the server refuses what is no token, one for another server, and one without the scope', async () => {
    const refused = async (authorization: string) => {
      const answer = await call({ authorization });
      return [answer.status, /error="(\w+)"/.exec(answer.headers.get('www-authenticate') ?? '')?.[1]];
    };
    for (const none of ['Bearer', 'Bearer x', 'Basic eDp5', 'Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.'])
      expect([none, ...(await refused(none))]).toEqual([none, 401, 'invalid_token']);
    const elsewhere = await token('https://bookings.example.com', 'openid bookings:read');
    expect(await refused(`Bearer ${elsewhere}`)).toEqual([401, 'invalid_token']);
    expect(await refused(`Bearer ${await token(`${origin}/mcp`, 'openid')}`)).toEqual([403, 'insufficient_scope']);
    expect((await call({ authorization: `Bearer ${await token(`${origin}/mcp`, 'openid notes:write')}` })).status).toBe(
      200,
    );
  });

  it('the server answers no page of a browser (MCP, Transports), and no path that is none', async () => {
    expect((await call({ origin: 'https://evil.example' })).status).toBe(403);
    for (const path of ['//', '//:', '/%', '/constructor'])
      expect([path, (await fetch(origin + path)).status]).toEqual([path, 404]);
  });

  it('the server ends with 0 when a tool has been called, and was told to do so once', async () => {
    notes.stop();
    await notes.ended();
    notes = runExample('mcp-server', { ISSUER: server.issuer, ORIGIN: origin }, '--once');
    await notes.said('ready');
    expect((await call({})).status).toBe(401);
    const example = runExample('mcp-client', environment);
    await fetch((await signIn(new Browser(), await example.said(`${server.issuer}/authorize`), person.email)).url);
    expect([await example.ended(), await notes.ended()]).toEqual([0, 0]);
  });
});
