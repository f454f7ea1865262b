import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeClient, makePerson, type Party, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';

describe('the token endpoint (RFC 6749 §3.2, §5)', () => {
  let server: TestServer;
  let machine: Party;

  beforeAll(async () => {
    server = await startServer();
    await server.inside(({ resources }) =>
      resources.create({ identifier: 'https://api.example', name: 'API', scopes: [{ name: 'read' }] }),
    );
    const means = { grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope: 'read' };
    machine = await makeClient(server, means);
  }, 180_000);
  afterAll(() => server?.close());

  async function ask(form: Record<string, string>, headers: Record<string, string> = basic(machine)) {
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams(form),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, string>,
    };
  }
  const credentials = { grant_type: 'client_credentials', resource: 'https://api.example', scope: 'read' };

  it('takes the POST method alone (§3.2)', async () => {
    for (const method of ['GET', 'PUT']) {
      const query = new URLSearchParams(credentials);
      const response = await fetch(`${server.issuer}/token?${query}`, { method, headers: basic(machine) });
      expect([method, response.status]).toEqual([method, 404]);
    }
  });

  it('takes nothing from the address (§2.3.1, §3.2)', async () => {
    const response = await fetch(`${server.issuer}/token?${new URLSearchParams(credentials)}`, {
      method: 'POST',
      headers: basic(machine),
      body: new URLSearchParams({}),
    });
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([400, 'invalid_request']);
  });

  it('answers with access_token, token_type, expires_in and scope, as JSON that nobody keeps (§5.1)', async () => {
    const { status, headers, body } = await ask(credentials);
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'read',
    });
  });

  it('client credentials give no refresh token (§4.4.3), and are for clients that authenticate (§4.4)', async () => {
    expect((await ask(credentials)).body).not.toHaveProperty('refresh_token');
    await expect(
      makeClient(server, {
        ...{ grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
        token_endpoint_auth_method: 'none',
      }),
    ).rejects.toMatchObject({ status: 422 });
  });

  it('who fails by the Authorization header gets 401 and its scheme, and no word of what was wrong (§5.2)', async () => {
    const wrong = await ask(credentials, basic({ ...machine, clientSecret: 'x'.repeat(43) }));
    const nobody = await ask(credentials, basic({ clientId: 'nobody', clientSecret: 'x' }));
    for (const { status, headers, body } of [wrong, nobody]) {
      expect([status, body.error]).toEqual([401, 'invalid_client']);
      expect(headers.get('www-authenticate')).toMatch(/^Basic /);
    }
    expect(nobody.body.error_description).toBe(wrong.body.error_description);
  });

  it('takes one method of authentication in a request (§2.3)', async () => {
    const twice = { ...credentials, client_id: machine.clientId, client_secret: machine.clientSecret };
    expect((await ask(twice)).body.error).toBe('invalid_request');
  });

  it('a scope that the client may not have is left out, and the answer says what was given (§3.3, §5.1)', async () => {
    const { status, body } = await ask({ ...credentials, scope: 'read write' });
    expect([status, body.scope]).toEqual([200, 'read']);
    expect((await ask({ ...credentials, scope: 'no"scope' })).body.error).toBe('invalid_scope');
  });

  it('a client uses the grants that it has registered, and no other (§5.2)', async () => {
    const form = { grant_type: 'refresh_token', refresh_token: 'x' };
    expect((await ask(form)).body.error).toMatch(/^(unauthorized_client|invalid_request)$/);
    const party = await makeClient(server, { consent_policy: 'implicit', grant_types: ['authorization_code'] });
    const tokens = await tokensFor(server, party, (await makePerson(server)).email);
    expect(tokens.refresh_token).toBeUndefined();
  });
});
