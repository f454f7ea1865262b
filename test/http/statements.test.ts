import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Browser } from '../support/browser.js';
import { makeOrganization } from '../support/organizations.js';
import { until } from '../support/pair.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  signIn,
  tokensFor,
} from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { recordStatements } from '../support/statements.js';

describe('a warm request costs few statements', () => {
  let server: TestServer;
  let sent: Map<string, string[]>;
  let party: Party;
  let machine: Party;
  let email: string;
  const basic = ({ clientId, clientSecret }: Party) =>
    `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server);
    machine = await makeClient(server, {
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      scope: 'clients:read',
    });
    email = (await makePerson(server)).email;
    // While changes of other processes are not heard, as under a load that delays the listener, caches ask again every second: not counted here.
    Object.defineProperty(server.services.invalidation, 'live', { get: () => true });
    sent = recordStatements();
  }, 180_000);
  afterAll(async () => {
    jest.restoreAllMocks();
    await server?.close();
  });

  /** @returns what the request sent to the database until it was over. */
  async function statementsOf(answer: Promise<Response>, status: number): Promise<string[]> {
    const response = await answer;
    await response.text();
    expect(response.status).toBe(status);
    const id = response.headers.get('x-request-id') ?? '';
    // Whatever was begun before the answer is in the pool's hands by the time another request has been answered; a refusal is written down
    // after that.
    await fetch(`${server.issuer}/healthz`);
    if (status === 401) await until('the refusal is recorded', async () => sent.has(id));
    return sent.get(id) ?? [];
  }

  const postForm = (path: string, as: Party, form: Record<string, string>) =>
    fetch(`${server.issuer}${path}`, {
      method: 'POST',
      headers: { authorization: basic(as) },
      body: new URLSearchParams(form),
    });

  /** The second of two: the first fills the caches. */
  async function warm(make: () => Promise<Promise<Response>[]> | Promise<Response>[], status = 200): Promise<string[]> {
    for (const answer of await make()) await (await answer).text();
    const [answer] = await make();
    return statementsOf(answer as Promise<Response>, status);
  }

  it('hears the statements of a sign-in, transactions included', async () => {
    const page = await signIn(new Browser(), authorizationUrl(server, party, pkce()), email);
    expect(page.url).toContain('code=');
    const heard = [...sent.values()].flat();
    expect(heard).toContain('protocol_save_session');
    expect(heard).toContain('COMMIT');
  });

  it('a sign-in where no identity provider signs anybody in: none about them', async () => {
    await signIn(new Browser(), authorizationUrl(server, party, pkce()), email);
    const before = new Set(sent.keys());
    const page = await signIn(new Browser(), authorizationUrl(server, party, pkce()), email);
    expect(page.url).toContain('code=');
    const heard = [...sent].filter(([id]) => !before.has(id)).flatMap(([, statements]) => statements);
    expect(heard).toContain('protocol_save_session');
    expect(heard.filter((statement) => /connections|identit|federat/.test(statement))).toEqual([]);
  });

  it('client_credentials with an opaque token (RFC 6749 §4.4): 1', async () => {
    const form = { grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'clients:read' };
    const statements = await warm(() => [postForm('/token', machine, form)]);
    expect(statements).toEqual(['protocol_insert_rows']);
  });

  it('userinfo (OpenID Connect Core §5.3): 1 of at most 2', async () => {
    const { access_token } = await tokensFor(server, party, email);
    const statements = await warm(() => [
      fetch(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } }),
    ]);
    expect(statements).toEqual(['protocol_find_row']);
  });

  it.each(['access_token', 'refresh_token'])('introspection of an %s (RFC 7662): 1 of at most 2', async (kind) => {
    const tokens = await tokensFor(server, party, email, { scope: 'openid offline_access', prompt: 'consent' });
    const statements = await warm(() => [postForm('/introspect', party, { token: String(tokens[kind]) })]);
    expect(statements).toEqual(['protocol_find_row']);
  });

  it('refresh with rotation (RFC 6749 §6): 2 of at most 3', async () => {
    let { refresh_token } = await tokensFor(server, party, email);
    const exchange = async () => {
      const answer = postForm('/token', party, { grant_type: 'refresh_token', refresh_token: String(refresh_token) });
      refresh_token = ((await (await answer).clone().json()) as { refresh_token: string }).refresh_token;
      return [answer];
    };
    expect(await warm(exchange)).toEqual(['protocol_find_row', 'protocol_exchange_row']);
  });

  it('code exchange (RFC 6749 §4.1.3) and silent authorization (OpenID Connect Core §3.1.2.1): 2 of at most 4, and 3 of at most 6', async () => {
    const { browser } = await tokensFor(server, party, email);
    const proof = pkce();
    const silent = () => browser.request(authorizationUrl(server, party, proof, { prompt: 'none' }));
    await (await silent()).text();
    const authorized = await silent();
    expect(authorized.status).toBe(303);
    const page = { url: authorized.headers.get('location') ?? '', status: 303, headers: authorized.headers, html: '' };
    await fetch(`${server.issuer}/healthz`);
    const statements = sent.get(authorized.headers.get('x-request-id') ?? '') ?? [];
    expect(statements).toEqual(['protocol_find_session', 'protocol_grant_of_session', 'protocol_save_row']);

    const form = {
      grant_type: 'authorization_code',
      code: codeOf(page),
      redirect_uri: party.redirectUri,
      code_verifier: proof.verifier,
    };
    expect(await statementsOf(postForm('/token', party, form), 200)).toEqual([
      'protocol_find_row',
      'protocol_exchange_row',
    ]);
  });

  it('the same for an organization: one more each, which reads the membership', async () => {
    const party = await makeClient(server, { scope: 'openid organization', consent_policy: 'implicit' });
    const person = await makePerson(server);
    const { slug } = await makeOrganization(server, { members: [person] });
    const asked = { scope: 'openid organization', organization: slug };
    const { browser } = await tokensFor(server, party, person.email, asked);
    const proof = pkce();
    const silent = () => browser.request(authorizationUrl(server, party, proof, { ...asked, prompt: 'none' }));
    await (await silent()).text();
    const authorized = await silent();
    await fetch(`${server.issuer}/healthz`);
    expect(sent.get(authorized.headers.get('x-request-id') ?? '')).toEqual([
      'protocol_find_session',
      'membership_in_organization',
      'protocol_grant_of_session',
      'protocol_save_row',
    ]);
    const code = new URL(authorized.headers.get('location') ?? '').searchParams.get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: party.redirectUri,
      code_verifier: proof.verifier,
    };
    expect(await statementsOf(postForm('/token', party, form), 200)).toEqual([
      'protocol_find_row',
      'membership_in_organization',
      'protocol_exchange_row',
    ]);
  });

  it('revocation (RFC 7009) of an access token: 2', async () => {
    const { access_token } = await tokensFor(server, party, email);
    expect(await statementsOf(postForm('/revoke', party, { token: String(access_token) }), 200)).toEqual([
      'protocol_find_row',
      'protocol_delete_row',
    ]);
  });

  it('a pushed authorization request (RFC 9126): 1, and none where there is Redis', async () => {
    const form = () =>
      Object.fromEntries(new URL(authorizationUrl(server, party, pkce())).searchParams) as Record<string, string>;
    const statements = await warm(() => [postForm('/par', party, form())], 201);
    expect(statements).toEqual(server.services.redis ? [] : ['protocol_save_row']);
  });

  it('a wrong client secret (RFC 6749 §5.2): 1, the record of the refusal', async () => {
    const wrong = { ...party, clientSecret: 'x'.repeat(43) };
    const statements = await warm(() => [postForm('/token', wrong, { grant_type: 'client_credentials' })], 401);
    expect(statements).toEqual([expect.stringContaining('INSERT INTO traces')]);
  });

  it.each(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks'])(
    'discovery and keys (RFC 8414, RFC 7517), %s: 0',
    async (path) => {
      expect(await warm(() => [fetch(`${server.issuer}${path}`)])).toEqual([]);
    },
  );

  it('GET /api/v1/clients with a bearer token (RFC 6750): 2', async () => {
    const form = { grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'clients:read' };
    const { access_token } = (await (await postForm('/token', machine, form)).json()) as { access_token: string };
    const headers = { authorization: `Bearer ${access_token}` };
    const statements = await warm(() => [fetch(`${server.issuer}/api/v1/clients`, { headers })]);
    expect(statements.length).toBe(2);
  });
});
