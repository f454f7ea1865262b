// The profile as a client of somebody else's making does it: openid-client signs its request (PS256), pushes it, verifies the signed response, and learns
// the nonce of its proofs from the server.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import * as client from 'openid-client';
import { Browser } from '../../support/browser.js';
import { makeClient, makePerson, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
}, 180_000);
afterAll(() => server?.close());

it('goes through: JAR (PS256), PAR, JARM, private_key_jwt, DPoP with a nonce, and a refresh (§5.3.2, Message Signing §5)', async () => {
  const { privateKey, publicKey } = await generateKeyPair('PS256', { extractable: true });
  const { clientId, redirectUri } = await makeClient(server, {
    profile: 'fapi2',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'PS256',
    request_object_signing_alg: 'PS256',
    require_signed_request_object: true,
    dpop_nonce_required: true,
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'PS256', use: 'sig' }] },
  });
  const { email, id } = await makePerson(server);
  const key = { key: privateKey as client.CryptoKey, kid: 'k1' };
  const configuration = await client.discovery(new URL(server.issuer), clientId, {}, client.PrivateKeyJwt(key), {
    execute: [client.allowInsecureRequests, client.useJwtResponseMode, client.enableNonRepudiationChecks],
  });
  const dpop = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair('ES256'));

  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri: redirectUri,
    scope: 'openid email',
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  const signed = await client.buildAuthorizationUrlWithJAR(configuration, parameters, key);
  const url = await client.buildAuthorizationUrlWithPAR(configuration, signed.searchParams, { DPoP: dpop });
  expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);

  const page = await signIn(new Browser(), url.href, email);
  expect([...new URL(page.url).searchParams.keys()]).toEqual(['response']);
  const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(configuration, new URL(page.url), checks, undefined, {
    DPoP: dpop,
  });
  expect([tokens.token_type, tokens.claims()?.sub]).toEqual(['dpop', id]);
  expect(await client.fetchUserInfo(configuration, tokens.access_token, id, { DPoP: dpop })).toMatchObject({ email });

  const next = await client.refreshTokenGrant(configuration, String(tokens.refresh_token), undefined, { DPoP: dpop });
  expect([next.token_type, next.refresh_token]).toEqual(['dpop', tokens.refresh_token]);
});
