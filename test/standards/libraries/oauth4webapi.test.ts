// oauth4webapi, unchanged, does each request by hand: what it refuses of an answer, no careful client would take.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import { Browser } from '../../support/browser.js';
import { clientKey, refusal } from '../../support/library-client.js';
import { believed, LogoutReceiver } from '../../support/logout-receiver.js';
import {
  authorizationUrl,
  begin,
  discover,
  insecure,
  introspect,
  type Relying,
  refresh,
  tokensFor,
  userinfo,
  withSecret,
} from '../../support/oauth4webapi.js';
import { until } from '../../support/pair.js';
import { makeClient, makePerson } from '../../support/party.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { startServer, type TestServer } from '../../support/server.js';

const bookings = 'https://bookings.example.com';

let server: TestServer;
let as: oauth.AuthorizationServer;
let person: { id: string; email: string };

beforeAll(async () => {
  server = await startServer({ environment: { EGRESS_ALLOW: '127.0.0.1' } });
  as = await discover(server, 'oidc');
  person = await makePerson(server);
  const scopes = [{ name: 'bookings:read' }];
  await server.inside(({ resources }) =>
    resources.create({ identifier: bookings, name: 'Bookings', scopes, access_token_format: 'jwt' }),
  );
}, 180_000);
afterAll(() => server?.close());

describe('oauth4webapi: a client with a secret', () => {
  it('finds the same by both documents (OpenID Connect Discovery §4, RFC 8414 §3)', async () => {
    expect(await discover(server, 'oauth2')).toEqual(as);
    expect(as).toMatchObject({ authorization_response_iss_parameter_supported: true });
  });

  it('signs somebody in by code, PKCE, nonce and iss, and asks who it is (OpenID Connect Core §3.1, RFC 9207)', async () => {
    const relying = withSecret(await makeClient(server));
    const tokens = await tokensFor(as, relying, person.email, await begin(relying));
    expect(oauth.getValidatedIdTokenClaims(tokens)?.sub).toBe(person.id);
    const { claims } = await userinfo(as, relying, tokens.access_token, person.id);
    expect(claims).toMatchObject({ sub: person.id, email: person.email, name: 'Maria Muster' });
  });

  it('takes no answer of another state or issuer, and no refusal for an answer (RFC 9207 §2.4, RFC 6749 §4.1.2.1)', async () => {
    const relying = withSecret(await makeClient(server));
    const { parameters, state } = await begin(relying, { prompt: 'none' });
    const callback = new URL((await new Browser().open(authorizationUrl(as, parameters))).url);
    const validate = async (url: URL, expected = state) =>
      oauth.validateAuthResponse(as, relying.client, url, expected);
    expect(await refusal(validate(callback))).toBe('login_required');
    expect(await refusal(validate(callback, 'other'))).toBe(oauth.INVALID_RESPONSE);
    callback.searchParams.set('iss', 'https://other.example');
    expect(await refusal(validate(callback))).toBe(oauth.INVALID_RESPONSE);
  });

  it('refreshes, introspects and revokes (RFC 6749 §6, RFC 7662, RFC 7009)', async () => {
    const relying = withSecret(await makeClient(server));
    const { client, authentication } = relying;
    const first = await tokensFor(as, relying, person.email, await begin(relying));
    const next = await refresh(as, relying, String(first.refresh_token));
    expect(next.refresh_token).not.toBe(first.refresh_token);
    expect(await introspect(as, relying, next.access_token)).toMatchObject({ active: true, sub: person.id });
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, authentication, String(next.refresh_token), insecure),
    );
    expect(await introspect(as, relying, next.access_token)).toEqual({ active: false });
    expect(await refusal(refresh(as, relying, String(next.refresh_token)))).toBe('invalid_grant');
    expect(await refusal(userinfo(as, relying, next.access_token, person.id))).toBe(oauth.WWW_AUTHENTICATE_CHALLENGE);
  });

  it('gets userinfo as a signed JWT, which it verifies (OpenID Connect Core §5.3.2)', async () => {
    const signed = { userinfo_signed_response_alg: 'ES256' };
    const relying = withSecret(await makeClient(server, signed), signed);
    const tokens = await tokensFor(as, relying, person.email, await begin(relying));
    const { claims, answer } = await userinfo(as, relying, tokens.access_token, person.id);
    expect(answer.headers.get('content-type')).toContain('application/jwt');
    await oauth.validateApplicationLevelSignature(as, answer, insecure);
    expect(claims).toMatchObject({ sub: person.id, iss: server.issuer, aud: relying.client.client_id });
  });
});

describe('oauth4webapi: a client with keys, whose tokens are bound (RFC 9101, RFC 9126, RFC 7523, RFC 9449)', () => {
  let relying: Relying & { DPoP: oauth.DPoPHandle };
  let key: oauth.PrivateKey;
  let tokens: oauth.TokenEndpointResponse;

  beforeAll(async () => {
    const made = await clientKey('PS256');
    key = made.key;
    const { clientId, redirectUri } = await makeClient(server, {
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'PS256',
      request_object_signing_alg: 'PS256',
      require_signed_request_object: true,
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
      jwks: made.jwks,
    });
    const client: oauth.Client = { client_id: clientId };
    relying = {
      client,
      authentication: oauth.PrivateKeyJwt(key),
      DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')),
      redirectUri,
    };
  });

  async function push(parameters: URLSearchParams): Promise<string> {
    const { client, authentication, DPoP } = relying;
    const options = { ...insecure, DPoP };
    const answer = await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, options);
    const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, answer);
    return authorizationUrl(as, new URLSearchParams({ client_id: client.client_id, request_uri }));
  }

  it('signs somebody in with a pushed, signed request, an assertion and a proof', async () => {
    const begun = await begin(relying);
    const request = await oauth.issueRequestObject(as, relying.client, begun.parameters, key);
    const url = await push(new URLSearchParams({ client_id: relying.client.client_id, request }));
    tokens = await tokensFor(as, relying, person.email, begun, url);
    expect(tokens.token_type).toBe('dpop');
    expect(await introspect(as, relying, tokens.access_token)).toMatchObject({
      cnf: { jkt: await relying.DPoP.calculateThumbprint() },
    });
  });

  it('pushes nothing that is not signed (RFC 9101 §10.5)', async () => {
    const { parameters } = await begin(relying);
    expect(await refusal(push(parameters))).toBe('invalid_request');
  });

  it('uses and refreshes its tokens with proofs of its key, and nobody without (RFC 9449 §7.1)', async () => {
    expect((await userinfo(as, relying, tokens.access_token, person.id)).claims.sub).toBe(person.id);
    const { DPoP: _proof, ...bearer } = relying;
    expect(await refusal(userinfo(as, bearer, tokens.access_token, person.id))).toBe(oauth.WWW_AUTHENTICATE_CHALLENGE);
    const stranger = { ...relying, DPoP: oauth.DPoP(relying.client, await oauth.generateKeyPair('ES256')) };
    expect(await refusal(userinfo(as, stranger, tokens.access_token, person.id))).toBe(
      oauth.WWW_AUTHENTICATE_CHALLENGE,
    );
    tokens = await refresh(as, relying, String(tokens.refresh_token));
    expect(tokens.token_type).toBe('dpop');
  });
});

describe('oauth4webapi: a client in its own name', () => {
  it('gets a JWT that the API it is for verifies by itself, and no other (RFC 9068 §4)', async () => {
    const { client, authentication } = withSecret(
      await makeClient(server, {
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        scope: 'bookings:read',
      }),
    );
    const parameters = { resource: bookings, scope: 'bookings:read' };
    const answer = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, insecure);
    const { access_token } = await oauth.processClientCredentialsResponse(as, client, answer);
    const request = () =>
      new Request('https://bookings.example.com/', { headers: { authorization: `Bearer ${access_token}` } });
    expect(await oauth.validateJwtAccessToken(as, request(), bookings, insecure)).toMatchObject({
      client_id: client.client_id,
      sub: client.client_id,
      scope: 'bookings:read',
    });
    const elsewhere = oauth.validateJwtAccessToken(as, request(), 'https://ledger.example.com', insecure);
    expect(await refusal(elsewhere)).toBe(oauth.JWT_CLAIM_COMPARISON);
  });
});

describe('oauth4webapi: a client that registers itself (RFC 7591 §3)', () => {
  const metadata = { redirect_uris: ['https://rp.example/cb'], client_name: 'Self Made' };
  const register = async (initialAccessToken?: string) =>
    oauth.processDynamicClientRegistrationResponse(
      await oauth.dynamicClientRegistrationRequest(as, metadata, {
        ...insecure,
        ...(initialAccessToken ? { initialAccessToken } : {}),
      }),
    );

  it('signs somebody in with what it was given', async () => {
    const made = await register(await initialAccessTokenFor(server));
    const relying = withSecret({
      clientId: made.client_id,
      clientSecret: String(made.client_secret),
      redirectUri: 'https://rp.example/cb',
    });
    const tokens = await tokensFor(as, relying, person.email, await begin(relying));
    expect(oauth.getValidatedIdTokenClaims(tokens)?.sub).toBe(person.id);
  });

  it('reads, changes and ends its registration with the token it was given (RFC 7592 §2)', async () => {
    const made = await register(await initialAccessTokenFor(server));
    let token = String(made.registration_access_token);
    const manage = async (method: string, said?: object) => {
      const headers = new Headers({ 'content-type': 'application/json' });
      const at = new URL(String(made.registration_client_uri));
      return oauth.protectedResourceRequest(token, method, at, headers, said && JSON.stringify(said), insecure);
    };
    const read = (await (await manage('GET')).json()) as Record<string, unknown>;
    token = String(read.registration_access_token ?? token);
    expect(read).toMatchObject(metadata);
    const said = { ...metadata, client_id: made.client_id, client_secret: made.client_secret, client_name: 'Renamed' };
    const changed = (await (await manage('PUT', said)).json()) as Record<string, unknown>;
    token = String(changed.registration_access_token ?? token);
    expect(changed.client_name).toBe('Renamed');
    expect((await manage('DELETE')).status).toBe(204);
    expect(await refusal(manage('GET'))).toBe(oauth.WWW_AUTHENTICATE_CHALLENGE);
  });

  it('is refused without an initial access token', async () => {
    expect(await refusal(register())).not.toBe('nothing was refused');
  });
});

describe('a sign-out (RP-Initiated Logout §2, Back-Channel Logout §2.5, §2.6)', () => {
  it('brings the browser back with its state, and tells the client by a token that it verifies', async () => {
    const receiver = await LogoutReceiver.start();
    try {
      const metadata = {
        consent_policy: 'implicit',
        backchannel_logout_uri: receiver.uri('/told'),
        backchannel_logout_session_required: true,
        post_logout_redirect_uris: ['https://rp.example/'],
      };
      const party = await makeClient(server, metadata);
      const relying = withSecret(party);
      const [browser, begun] = [new Browser(), await begin(relying)];
      const tokens = await tokensFor(as, relying, person.email, begun, authorizationUrl(as, begun.parameters), browser);
      const asked = new URLSearchParams({
        id_token_hint: String(tokens.id_token),
        post_logout_redirect_uri: 'https://rp.example/',
        state: 'bye',
      });
      const back = await browser.submit(await browser.open(`${as.end_session_endpoint}?${asked}`), { logout: 'yes' });
      expect(back.url).toBe('https://rp.example/?state=bye');
      await until('the client is told', async () => receiver.at('/told').length > 0, 30_000);
      const { claims } = await believed(server, party, String(receiver.at('/told')[0]?.token));
      expect(claims).toMatchObject({ sid: oauth.getValidatedIdTokenClaims(tokens)?.sid, sub: person.id });
    } finally {
      await receiver.close();
    }
  });
});
