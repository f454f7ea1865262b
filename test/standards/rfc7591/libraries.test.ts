// Registration as a client of somebody else's making does it. No client library speaks RFC 7592: a registration is managed by plain requests, with what the
// library was answered.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as client from 'openid-client';
import { Browser } from '../../support/browser.js';
import { makePerson, signIn } from '../../support/party.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { startServer, type TestServer } from '../../support/server.js';

const redirectUri = 'https://rp.example/cb';

describe('openid-client', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer();
  }, 180_000);
  afterAll(() => server?.close());

  it('registers, signs people in, changes and ends its registration (RFC 7591 §3, RFC 7592 §2)', async () => {
    const config = await client.dynamicClientRegistration(
      new URL(server.issuer),
      { client_name: 'By library', redirect_uris: [redirectUri], id_token_signed_response_alg: 'ES256' },
      undefined,
      { initialAccessToken: await initialAccessTokenFor(server), execute: [client.allowInsecureRequests] },
    );
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: 'openid email',
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    const { email, id } = await makePerson(server);
    const page = await signIn(new Browser(), url.href, email);
    const tokens = await client.authorizationCodeGrant(config, new URL(page.url), {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier,
      idTokenExpected: true,
    });
    expect(tokens.claims()).toMatchObject({ sub: id, aud: config.clientMetadata().client_id });

    const { registration_client_uri: uri, registration_access_token: token } = config.clientMetadata();
    const manage = (method: string, bearer: unknown, body?: object) =>
      fetch(String(uri), {
        method,
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    const { client_id } = config.clientMetadata();
    const changed = await manage('PUT', token, { client_id, client_name: 'By hand', redirect_uris: [redirectUri] });
    const { registration_access_token: next, client_name } = (await changed.json()) as Record<string, unknown>;
    expect([changed.status, client_name]).toEqual([200, 'By hand']);
    expect((await manage('DELETE', next)).status).toBe(204);
    await expect(client.refreshTokenGrant(config, 'x')).rejects.toMatchObject({ status: 401 });
  });
});
