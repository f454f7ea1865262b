import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask as api, tokenWith } from '../../support/api.js';
import { makeClient, type Party } from '../../support/party.js';
import { assertionOf, type DpopKey, dpopKey } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';

/** One that is made up, where there is none. */
const secretOf = ({ clientSecret }: Party) => clientSecret || 'x'.repeat(43);

type Shown = { headers?: Record<string, string>; form?: Record<string, string> };

describe('client authentication (OpenID Connect Core §9)', () => {
  let server: TestServer;
  let key: DpopKey;

  beforeAll(async () => {
    server = await startServer();
    key = await dpopKey();
  }, 180_000);
  afterAll(() => server?.close());

  const ways: Record<string, (party: Party) => Shown | Promise<Shown>> = {
    client_secret_basic: (party) => ({ headers: basic({ ...party, clientSecret: secretOf(party) }) }),
    client_secret_post: (party) => ({ form: { client_id: party.clientId, client_secret: secretOf(party) } }),
    private_key_jwt: async ({ clientId }) => ({
      form: {
        client_assertion: await assertionOf(key, clientId, server.issuer),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      },
    }),
    none: ({ clientId }) => ({ form: { client_id: clientId } }),
  };
  const registered = (token_endpoint_auth_method: string) =>
    makeClient(server, {
      token_endpoint_auth_method,
      ...(token_endpoint_auth_method === 'private_key_jwt'
        ? { jwks: { keys: [{ ...key.jwk, alg: 'ES256', use: 'sig' }] } }
        : {}),
    });
  async function ask({ headers = {}, form = {} }: Shown) {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'none', ...form });
    const response = await fetch(`${server.issuer}/token`, { method: 'POST', headers, body });
    return ((await response.json()) as { error: string }).error;
  }

  it.each(Object.keys(ways))('%s: who has registered it authenticates so, and in no other way', async (method) => {
    const party = await registered(method);
    const isSecret = (name: string) => name.startsWith('client_secret_');
    for (const [name, way] of Object.entries(ways)) {
      // A secret is the same in the header and in the form (RFC 6749 §2.3.1). Who is known is told that there is no such token.
      const isTaken = name === method || (isSecret(name) && isSecret(method));
      expect([name, await ask(await way(party))]).toEqual([name, isTaken ? 'invalid_grant' : 'invalid_client']);
    }
  });

  it('client_secret_basic, where nothing is said; client_secret_jwt is not offered', async () => {
    const party = await makeClient(server);
    expect(await ask({ headers: basic(party) })).toBe('invalid_grant');
    const token = await tokenWith(server, 'clients:write');
    const metadata = { redirect_uris: [party.redirectUri], token_endpoint_auth_method: 'client_secret_jwt' };
    expect((await api(server, token, 'post', '/clients', metadata)).status).toBe(422);
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    const { token_endpoint_auth_methods_supported } = (await response.json()) as Record<string, string[]>;
    expect(token_endpoint_auth_methods_supported).toEqual(expect.arrayContaining(Object.keys(ways)));
    expect(token_endpoint_auth_methods_supported).not.toContain('client_secret_jwt');
  });
});
