import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import { authorizationUrl, codeOf, makeClient, makePerson, type Party, pkce, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';

const without = { code_challenge: '', code_challenge_method: '' };
const s256 = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');

describe('Proof Key for Code Exchange (RFC 7636)', () => {
  let server: TestServer;
  const clients: Record<string, Party> = {};
  let email: string;
  const browser = new Browser();

  beforeAll(async () => {
    server = await startServer();
    clients.confidential = await makeClient(server, { consent_policy: 'implicit' });
    const means = { consent_policy: 'implicit', token_endpoint_auth_method: 'none' };
    clients.public = await makeClient(server, means);
    ({ email } = await makePerson(server));
    await signIn(browser, authorizationUrl(server, party('confidential'), pkce()), email);
  }, 180_000);
  afterAll(() => server?.close());

  const party = (kind: string) => clients[kind] as Party;
  /** @returns the error, or `code`. */
  const asked = async (kind: string, more: Record<string, string>) => {
    const { searchParams } = new URL((await browser.open(authorizationUrl(server, party(kind), pkce(), more))).url);
    return searchParams.has('code') ? 'code' : searchParams.get('error');
  };
  const codeFor = async (client: Party, more: Record<string, string>) =>
    codeOf(await browser.open(authorizationUrl(server, client, pkce(), more)));
  /** @returns the error, or `tokens`. */
  async function redeemed(client: Party, code: string, more: Record<string, string>) {
    const { clientId, clientSecret, redirectUri } = client;
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, ...more };
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: clientSecret ? basic(client) : {},
      body: new URLSearchParams({ ...form, ...(clientSecret ? {} : { client_id: clientId }) }),
    });
    const { error, access_token } = (await response.json()) as Record<string, string>;
    return access_token ? 'tokens' : error;
  }

  it('discovery names S256 and nothing else (RFC 8414 §2)', async () => {
    const response = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
    const { code_challenge_methods_supported } = (await response.json()) as Record<string, unknown>;
    expect(code_challenge_methods_supported).toEqual(['S256']);
  });

  it.each(['public', 'confidential'])(
    'a %s client must send a code_challenge: invalid_request (§4.4.1)',
    async (kind) => {
      expect(await asked(kind, without)).toBe('invalid_request');
      expect(await asked(kind, {})).toBe('code');
    },
  );

  it.each([
    ['plain', { code_challenge_method: 'plain' }],
    ['none, which means plain', { code_challenge_method: '' }],
    ['another one', { code_challenge_method: 'S512' }],
    ['S256 in another spelling', { code_challenge_method: 's256' }],
    ['S256 without a challenge', { code_challenge: '' }],
  ])('the method is S256; what is refused: %s (§4.3, RFC 9700 §2.1.1)', async (_method, more) => {
    for (const kind of Object.keys(clients)) expect([kind, await asked(kind, more)]).toEqual([kind, 'invalid_request']);
  });

  it.each([
    ['42 characters', 'x'.repeat(42)],
    ['129 characters', 'x'.repeat(129)],
    ['padding', `${'x'.repeat(42)}=`],
    ['base64 that is not base64url', `${'x'.repeat(41)}+/`],
    ['a space', `${'x'.repeat(42)} x`],
  ])('a challenge is 43 to 128 unreserved characters; what is refused: %s (§4.2)', async (_what, code_challenge) => {
    expect(await asked('public', { code_challenge })).toBe('invalid_request');
  });

  it.each(['public', 'confidential'])(
    'the code of a %s client is neither redeemed nor burnt without its verifier (§4.5, §4.6)',
    async (kind) => {
      const { verifier, challenge } = pkce();
      const code = await codeFor(party(kind), { code_challenge: challenge });
      const wrong = [{}, { code_verifier: '' }, { code_verifier: challenge }, { code_verifier: pkce().verifier }];
      for (const more of wrong as Record<string, string>[])
        expect([more, await redeemed(party(kind), code, more)]).toEqual([more, 'invalid_grant']);
      expect(await redeemed(party(kind), code, { code_verifier: verifier })).toBe('tokens');
    },
  );

  it.each([
    ['42 characters are too few', 'v'.repeat(42), 'invalid_request'],
    ['129 characters are too many', 'v'.repeat(129), 'invalid_request'],
    ['others than A-Z, a-z, 0-9, -, ., _ and ~ are refused', `${'v'.repeat(43)}+`, 'invalid_request'],
    ['43 characters are taken', 'v'.repeat(43), 'tokens'],
    ['128 characters are taken, of all kinds', `-._~${'v'.repeat(124)}`, 'tokens'],
  ])('a verifier is 43 to 128 unreserved characters: %s (§4.1)', async (_what, verifier, answer) => {
    const code = await codeFor(party('public'), { code_challenge: s256(verifier) });
    expect(await redeemed(party('public'), code, { code_verifier: verifier })).toBe(answer);
  });

  describe('a client that is exempt, where the tenant allows it (RFC 9700 §2.1.1)', () => {
    let exempt: Party;
    beforeAll(async () => {
      await server.inside(async ({ tenants }) =>
        tenants.update(await tenants.current(), { settings: { protocol: { compatibility: true } } } as never),
      );
      const wanted = { profile: 'compatibility', consent_policy: 'implicit', pkce_exempt: true };
      await expect(makeClient(server, { ...wanted, token_endpoint_auth_method: 'none' })).rejects.toMatchObject({
        status: 422,
      });
      exempt = await makeClient(server, wanted);
      clients.exempt = exempt;
    });

    it('authenticates, and needs no challenge with a nonce; without one it does', async () => {
      expect(await redeemed(exempt, await codeFor(exempt, { ...without, nonce: 'the-nonce' }), {})).toBe('tokens');
      expect(await asked('exempt', { ...without, nonce: '' })).toBe('invalid_request');
    });

    it('gets nothing for a verifier where there was no challenge: nobody took it away (downgrade, RFC 9700 §4.8.2)', async () => {
      const code = await codeFor(exempt, { ...without, nonce: 'the-nonce' });
      expect(await redeemed(exempt, code, { code_verifier: pkce().verifier })).toBe('invalid_grant');
    });

    it('is held to a challenge that it has sent', async () => {
      const code = await codeFor(exempt, { nonce: 'the-nonce' });
      expect(await redeemed(exempt, code, {})).toBe('invalid_grant');
    });
  });
});
