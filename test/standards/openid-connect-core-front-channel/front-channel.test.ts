import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Browser } from '../../support/browser.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, redeem, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('tokens through the front channel, and codes without PKCE', () => {
  let server: TestServer;
  let email: string;
  const browser = new Browser();

  beforeAll(async () => {
    server = await startServer();
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const allow = (compatibility: boolean) =>
    server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { protocol: { compatibility } } } as never),
    );
  const types = ['code', 'id_token', 'id_token token', 'code id_token', 'code id_token token'];
  const wanted = {
    profile: 'compatibility',
    consent_policy: 'implicit',
    response_types: types,
    grant_types: ['authorization_code', 'refresh_token', 'implicit'],
  };
  const discovery = async () =>
    (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
      response_types_supported: string[];
      grant_types_supported: string[];
    };
  const refused = (pointer: string) => ({
    status: 422,
    details: { issues: expect.arrayContaining([expect.objectContaining({ pointer })]) },
  });

  describe('where the tenant does not allow it', () => {
    it('no client has the profile, nor response types beyond code without it (RFC 9700 §2.1.2)', async () => {
      await expect(makeClient(server, wanted)).rejects.toMatchObject(refused('/profile'));
      await expect(makeClient(server, { ...wanted, profile: undefined })).rejects.toMatchObject(
        refused('/response_types'),
      );
      await expect(makeClient(server, { pkce_exempt: true })).rejects.toMatchObject(refused('/pkce_exempt'));
    });

    it('discovery offers none of it, and nobody is answered', async () => {
      const { response_types_supported, grant_types_supported } = await discovery();
      expect(response_types_supported.filter((type) => type.includes('token'))).toEqual([]);
      expect(grant_types_supported).not.toContain('implicit');
      const party = await makeClient(server);
      const page = await browser.open(authorizationUrl(server, party, pkce(), { response_type: 'id_token' }));
      expect(page.url).toContain('error=unsupported_response_type');
    });
  });

  describe('where the tenant allows it', () => {
    let party: Party;
    let exempt: Party;

    beforeAll(async () => {
      await allow(true);
      party = await makeClient(server, wanted);
      exempt = await makeClient(server, { profile: 'compatibility', consent_policy: 'implicit', pkce_exempt: true });
    });

    const answer = async (response_type: string, proof = pkce()) => {
      const page = await signIn(
        browser,
        authorizationUrl(server, party, proof, { response_type, nonce: 'the-nonce' }),
        email,
      );
      return new URLSearchParams(new URL(page.url).hash.slice(1));
    };
    const verified = async (token: string | null) =>
      (
        await jwtVerify(String(token), createRemoteJWKSet(new URL(`${server.issuer}/jwks`)), {
          issuer: server.issuer,
          audience: party.clientId,
        })
      ).payload;

    it('an ID token comes in the fragment, with the nonce (§3.2.2.5, §3.2.2.11)', async () => {
      const response = await answer('id_token');
      expect([...response.keys()].sort()).toEqual(['id_token', 'state']);
      expect(await verified(response.get('id_token'))).toMatchObject({ nonce: 'the-nonce' });
    });

    it('an access token beside it is hashed into it (§3.2.2.10)', async () => {
      const response = await answer('id_token token');
      expect(response.get('token_type')).toBe('Bearer');
      expect(await verified(response.get('id_token'))).toHaveProperty('at_hash');
    });

    it('a code beside it is hashed into it, and redeemed at /token (§3.3.2.11, §3.3.3)', async () => {
      const proof = pkce();
      const response = await answer('code id_token', proof);
      expect(await verified(response.get('id_token'))).toHaveProperty('c_hash');
      expect((await redeem(server, party, String(response.get('code')), proof)).status).toBe(200);
    });

    it('none comes without a nonce (§3.2.2.1), nor in the query (OAuth 2.0 Multiple Response Types §5)', async () => {
      for (const more of [{ nonce: '' }, { response_mode: 'query' }] as Record<string, string>[]) {
        const page = await browser.open(
          authorizationUrl(server, party, pkce(), { response_type: 'id_token', ...more }),
        );
        expect(page.url).toContain('error=invalid_request');
        expect(page.url).not.toContain('id_token=');
      }
    });

    it('other clients have none of it', async () => {
      const plain = await makeClient(server, { consent_policy: 'implicit' });
      const page = await browser.open(authorizationUrl(server, plain, pkce(), { response_type: 'id_token' }));
      expect(page.url).toContain('error=');
      const without = { code_challenge: '', code_challenge_method: '' };
      expect((await browser.open(authorizationUrl(server, plain, pkce(), without))).url).toContain(
        'error=invalid_request',
      );
    });

    it('is taken back with the tenant’s word: such a client is none', async () => {
      await allow(false);
      try {
        const page = await browser.open(authorizationUrl(server, exempt, pkce()));
        expect([page.status, new URL(page.url).pathname]).toEqual([400, '/authorize']);
      } finally {
        await allow(true);
      }
      expect((await browser.open(authorizationUrl(server, exempt, pkce()))).url).toContain('code=');
    });
  });
});
