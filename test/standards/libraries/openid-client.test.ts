// The main job as a client of somebody else's making does it: openid-client verifies what we answer, a browser without JavaScript signs in.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as jose from 'jose';
import * as client from 'openid-client';
import { CLIENT_ALGS } from '../../../src/features/clients/metadata/values.js';
import { Browser } from '../../support/browser.js';
import { type Begun, begin, refusal } from '../../support/library-client.js';
import { letterTo, Management, setUp } from '../../support/management.js';
import { password, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const redirectUri = 'https://trips.example/callback';
const postLogoutRedirectUri = 'https://trips.example/';
const email = 'maria@example.com';

let server: TestServer;
let management: Management;
let subject: string;

beforeAll(async () => {
  server = await startServer();
  management = await Management.open(await setUp(server));
  subject = String(
    (await management.post('/users', { email, email_verified: true, claims: { name: 'Maria Muster' } })).id,
  );
  await management.post(`/users/${subject}/password-links`);
  const link = /http:\/\/\S+/.exec((await letterTo(server, email)).text);
  const browser = new Browser();
  const done = await browser.submit(await browser.open(String(link)), { password });
  expect(done.url).toBe(`${server.issuer}/password/done`);
}, 180_000);
afterAll(() => server?.close());

const register = (more: Record<string, unknown> = {}) =>
  management.post('/clients', {
    client_name: 'Trip Planner',
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [postLogoutRedirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    ...more,
  });

/** Everything by discovery; the ID token's signature is checked although it came straight from the server. */
const discover = (made: Record<string, unknown>, authentication: client.ClientAuth, algorithm?: 'oauth2') =>
  client.discovery(new URL(server.issuer), String(made.client_id), {}, authentication, {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
    ...(algorithm ? { algorithm } : {}),
  });

describe('openid-client: a client with a secret (OpenID Connect Core §3.1, RFC 6749 §2.3.1)', () => {
  const browser = new Browser();
  let configuration: client.Configuration;
  let tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

  beforeAll(async () => {
    const made = await register();
    configuration = await discover(made, client.ClientSecretBasic(String(made.client_secret)));
  });

  it('finds all it needs by discovery (OpenID Connect Discovery §4, RFC 8414 §3)', async () => {
    const byConnect = configuration.serverMetadata();
    expect(byConnect).toMatchObject({
      issuer: server.issuer,
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ['S256'],
      end_session_endpoint: `${server.issuer}/logout`,
    });
    const made = { client_id: configuration.clientMetadata().client_id };
    expect((await discover(made, client.None(), 'oauth2')).serverMetadata()).toEqual(byConnect);
  });

  it('gets tokens it can verify and userinfo for the same person, by code, PKCE, nonce and iss (RFC 7636, RFC 9207)', async () => {
    const { parameters, checks } = await begin(redirectUri);
    const page = await signIn(browser, client.buildAuthorizationUrl(configuration, parameters).href, email);
    tokens = await client.authorizationCodeGrant(configuration, new URL(page.url), checks);
    expect(tokens.claims()).toMatchObject({ sub: subject, acr: 'urn:ostiary:acr:1fa', amr: ['pwd'] });
    expect(await client.fetchUserInfo(configuration, tokens.access_token, subject)).toMatchObject({
      sub: subject,
      email,
      email_verified: true,
      name: 'Maria Muster',
    });
  });

  it('is not asked again for what it was allowed, and may ask without a page (prompt=none, §3.1.2.1)', async () => {
    const { parameters, checks } = await begin(redirectUri, { prompt: 'none' });
    const page = await browser.open(client.buildAuthorizationUrl(configuration, parameters).href);
    const silent = await client.authorizationCodeGrant(configuration, new URL(page.url), checks);
    expect(silent.claims()?.sub).toBe(subject);
    expect(silent.claims()?.auth_time).toBe(tokens.claims()?.auth_time);
  });

  it('refuses an answer with another nonce or PKCE verifier than its own', async () => {
    const url = async ({ parameters }: Begun) =>
      new URL((await browser.open(client.buildAuthorizationUrl(configuration, parameters).href)).url);
    const first = await begin(redirectUri);
    const nonce = client.authorizationCodeGrant(configuration, await url(first), {
      ...first.checks,
      expectedNonce: client.randomNonce(),
    });
    expect(await refusal(nonce)).toBe('OAUTH_JWT_CLAIM_COMPARISON_FAILED');
    const second = await begin(redirectUri);
    const verifier = client.authorizationCodeGrant(configuration, await url(second), {
      ...second.checks,
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
    });
    expect(await refusal(verifier)).toBe('invalid_grant');
  });

  it('refreshes, introspects and revokes (RFC 6749 §6, RFC 7662, RFC 7009)', async () => {
    const next = await client.refreshTokenGrant(configuration, String(tokens.refresh_token));
    expect(next.claims()?.sub).toBe(subject);
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    expect(await client.tokenIntrospection(configuration, next.access_token)).toMatchObject({
      active: true,
      sub: subject,
      client_id: configuration.clientMetadata().client_id,
      token_type: 'Bearer',
    });
    await client.tokenRevocation(configuration, String(next.refresh_token));
    expect(await client.tokenIntrospection(configuration, next.access_token)).toEqual({ active: false });
    expect(await refusal(client.refreshTokenGrant(configuration, String(next.refresh_token)))).toBe('invalid_grant');
    expect(await refusal(client.fetchUserInfo(configuration, next.access_token, subject))).toBe(
      'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
    );
  });

  it('signs the person out and has them back with its state (RP-Initiated Logout §2)', async () => {
    const url = client.buildEndSessionUrl(configuration, {
      id_token_hint: String(tokens.id_token),
      post_logout_redirect_uri: postLogoutRedirectUri,
      state: 'bye',
    });
    const back = await browser.submit(await browser.open(url.href), { logout: 'yes' });
    expect(back.url).toBe(`${postLogoutRedirectUri}?state=bye`);
    const { parameters, checks } = await begin(redirectUri, { prompt: 'none' });
    const silent = await browser.open(client.buildAuthorizationUrl(configuration, parameters).href);
    expect(await refusal(client.authorizationCodeGrant(configuration, new URL(silent.url), checks))).toBe(
      'login_required',
    );
  });
});

describe('openid-client: what a client signs with is what discovery promises (RFC 7591 §2, RFC 7523 §3)', () => {
  it.each(CLIENT_ALGS)('as an assertion at the token endpoint: %s', async (alg) => {
    const { privateKey, publicKey } = await jose.generateKeyPair(alg);
    const { client_id: id } = await register({
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: alg,
      jwks: { keys: [{ ...(await jose.exportJWK(publicKey)), alg, use: 'sig' }] },
    });
    const clientId = String(id);
    const assertion = await new jose.SignJWT({ jti: client.randomState() })
      .setProtectedHeader({ alg })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey);
    const answer = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }),
    });
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ token_type: 'Bearer' })]);
  });
});

describe('openid-client: a client with a key: pushed requests and bound tokens (RFC 9126, RFC 7523, RFC 9449)', () => {
  const browser = new Browser();
  let configuration: client.Configuration;
  let dpop: client.DPoPHandle;
  let thumbprint: string;
  let tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

  beforeAll(async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
    const made = await register({
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [{ ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] },
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
    });
    expect(made).not.toHaveProperty('client_secret');
    configuration = await discover(made, client.PrivateKeyJwt({ key: privateKey as client.CryptoKey, kid: 'k1' }));
    const pair = await client.randomDPoPKeyPair('ES256', { extractable: true });
    thumbprint = await jose.calculateJwkThumbprint(await jose.exportJWK(pair.publicKey));
    dpop = client.getDPoPHandle(configuration, pair);
  });

  it('pushes its request, and has no other way in (RFC 9126 §5)', async () => {
    const { parameters, checks } = await begin(redirectUri);
    const direct = await browser.open(client.buildAuthorizationUrl(configuration, parameters).href);
    expect(await refusal(client.authorizationCodeGrant(configuration, new URL(direct.url), checks))).toBe(
      'invalid_request',
    );

    const url = await client.buildAuthorizationUrlWithPAR(configuration, parameters, { DPoP: dpop });
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    const page = await signIn(browser, url.href, email);
    tokens = await client.authorizationCodeGrant(configuration, new URL(page.url), checks, undefined, { DPoP: dpop });
    expect(tokens.token_type).toBe('dpop');
    expect(tokens.claims()?.sub).toBe(subject);
  });

  it('uses its token with a proof of its key, and nobody uses it without (RFC 9449 §7)', async () => {
    expect(await client.fetchUserInfo(configuration, tokens.access_token, subject, { DPoP: dpop })).toMatchObject({
      email,
    });
    const bearer = await fetch(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(bearer.status).toBe(401);
    expect(await client.tokenIntrospection(configuration, tokens.access_token)).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: thumbprint },
    });
  });

  it('refreshes with the same key, still bound to it', async () => {
    const next = await client.refreshTokenGrant(configuration, String(tokens.refresh_token), undefined, { DPoP: dpop });
    expect(next.token_type).toBe('dpop');
    expect(await client.tokenIntrospection(configuration, next.access_token)).toMatchObject({
      cnf: { jkt: thumbprint },
    });
    // Without the key it is refused, and nothing is burnt for whoever has it.
    expect(await refusal(client.refreshTokenGrant(configuration, String(next.refresh_token)))).toBe('invalid_grant');
    await client.refreshTokenGrant(configuration, String(next.refresh_token), undefined, { DPoP: dpop });
  });

  it('authenticates itself with an assertion that works once, at every endpoint (RFC 7523 §3)', async () => {
    await client.tokenRevocation(configuration, tokens.access_token);
    expect(await client.tokenIntrospection(configuration, tokens.access_token)).toEqual({ active: false });
    const stranger = await jose.generateKeyPair('ES256');
    const impostor = await discover(
      { client_id: configuration.clientMetadata().client_id },
      client.PrivateKeyJwt({ key: stranger.privateKey as client.CryptoKey, kid: 'k1' }),
    );
    expect(await refusal(client.tokenIntrospection(impostor, tokens.access_token))).toBe('invalid_client');
  });
});

describe('openid-client: a public client (RFC 8252, RFC 9700 §2.1.1)', () => {
  it('signs in with PKCE alone, asks each time, and rotates its refresh tokens', async () => {
    const made = await register({
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      post_logout_redirect_uris: [],
    });
    const configuration = await discover(made, client.None());
    const browser = new Browser();
    // RFC 8252 §7.3: whichever port was free.
    const { parameters, checks } = await begin('http://127.0.0.1:51004/callback');
    const page = await signIn(browser, client.buildAuthorizationUrl(configuration, parameters).href, email);
    const tokens = await client.authorizationCodeGrant(configuration, new URL(page.url), checks);
    expect(tokens.claims()?.sub).toBe(subject);
    const again = await begin('http://127.0.0.1:51004/callback');
    const asked = await browser.open(client.buildAuthorizationUrl(configuration, again.parameters).href);
    expect(asked.html).toContain('consent-allow');
    const next = await client.refreshTokenGrant(configuration, String(tokens.refresh_token));
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
  });
});
