import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Browser, readForm } from '../../support/browser.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, redeem, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('signed authorization responses (JARM)', () => {
  let server: TestServer;
  let party: Party;
  let email: string;
  const browser = new Browser();

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const verified = async (response: string | null | undefined, client = party) => {
    const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
    return jwtVerify(String(response), keys, { issuer: server.issuer, audience: client.clientId });
  };
  const ask = (more: Record<string, string>, client = party, proof = pkce()) =>
    signIn(browser, authorizationUrl(server, client, proof, { state: 'the-state', ...more }), email);

  it.each(['jwt', 'query.jwt'])(
    '%s carries the response in the query, and nothing beside it (§2.3.1, §2.3.4)',
    async (mode) => {
      const proof = pkce();
      const { searchParams } = new URL((await ask({ response_mode: mode }, party, proof)).url);
      expect([...searchParams.keys()]).toEqual(['response']);
      const { payload } = await verified(searchParams.get('response'));
      expect(payload).toEqual({
        iss: server.issuer,
        aud: party.clientId,
        exp: expect.any(Number),
        code: expect.any(String),
        state: 'the-state',
      });
      // §2.1: a maximum lifetime of ten minutes is recommended.
      expect(Number(payload.exp) - Date.now() / 1000).toBeLessThanOrEqual(600);
      expect((await redeem(server, party, String(payload.code), proof)).status).toBe(200);
    },
  );

  it('fragment.jwt carries it in the fragment (§2.3.2)', async () => {
    const { hash, search } = new URL((await ask({ response_mode: 'fragment.jwt' })).url);
    expect(search).toBe('');
    expect((await verified(new URLSearchParams(hash.slice(1)).get('response'))).payload.code).toEqual(
      expect.any(String),
    );
  });

  it('form_post.jwt carries it in a form that works without JavaScript, and runs no script of the page (§2.3.3)', async () => {
    const url = authorizationUrl(server, party, pkce(), { response_mode: 'form_post.jwt', state: 'the-state' });
    await ask({});
    const page = await browser.open(url);
    const { action, values } = readForm(page);
    expect([page.status, action, values.map(([name]) => name)]).toEqual([200, party.redirectUri, ['response']]);
    expect((await verified(values[0]?.[1])).payload).toMatchObject({ code: expect.any(String), state: 'the-state' });
    expect(page.html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  });

  it('tells errors in the same way (§2.1.1)', async () => {
    const url = authorizationUrl(server, party, pkce(), { response_mode: 'jwt', prompt: 'none', state: 'the-state' });
    const { searchParams } = new URL((await new Browser().open(url)).url);
    expect([...searchParams.keys()]).toEqual(['response']);
    const { payload } = await verified(searchParams.get('response'));
    expect(payload).toMatchObject({ error: 'login_required', state: 'the-state', iss: server.issuer });
  });

  it('is signed with what the client registered, or else with what signs its ID tokens (§3)', async () => {
    for (const [metadata, alg] of [
      [{ authorization_signed_response_alg: 'RS256' }, 'RS256'],
      [{}, 'ES256'],
      [{ id_token_signed_response_alg: 'RS256' }, 'RS256'],
    ] as const) {
      const client = await makeClient(server, { consent_policy: 'implicit', ...metadata });
      const { searchParams } = new URL((await ask({ response_mode: 'jwt' }, client)).url);
      expect((await verified(searchParams.get('response'), client)).protectedHeader.alg).toBe(alg);
    }
  });

  it('is not signed with what the tenant has no key of (§3)', async () => {
    await expect(makeClient(server, { authorization_signed_response_alg: 'EdDSA' })).rejects.toMatchObject({
      status: 422,
      details: { issues: [expect.objectContaining({ pointer: '/authorization_signed_response_alg' })] },
    });
  });

  it('offers all modes in discovery (§4)', async () => {
    const discovery = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as {
      response_modes_supported: string[];
      authorization_signing_alg_values_supported: string[];
    };
    for (const mode of ['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'])
      expect(discovery.response_modes_supported).toContain(mode);
    expect(discovery.authorization_signing_alg_values_supported).not.toContain('none');
    expect(discovery.authorization_signing_alg_values_supported).toContain('ES256');
  });
});
