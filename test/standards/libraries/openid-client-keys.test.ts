// openid-client, unchanged, does what a client with keys may ask for: signed requests, signed answers, tokens in its own name; registers itself, and hears
// of sign-outs.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as client from 'openid-client';
import { Browser } from '../../support/browser.js';
import { begin, clientKey, refusal } from '../../support/library-client.js';
import { believed, LogoutReceiver } from '../../support/logout-receiver.js';
import { until } from '../../support/pair.js';
import { makeClient, makePerson, signIn } from '../../support/party.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { startServer, type TestServer } from '../../support/server.js';

const redirectUri = 'https://rp.example/cb';
const bookings = 'https://bookings.example.com';

let server: TestServer;
let receiver: LogoutReceiver;
let person: { id: string; email: string };

beforeAll(async () => {
  receiver = await LogoutReceiver.start();
  server = await startServer({ environment: { EGRESS_ALLOW: '127.0.0.1' } });
  person = await makePerson(server);
  const scopes = [{ name: 'bookings:read' }];
  await server.inside(({ resources }) =>
    resources.create({ identifier: bookings, name: 'Bookings', scopes, access_token_format: 'jwt' }),
  );
}, 180_000);
afterAll(async () => {
  await server?.close();
  await receiver?.close();
});

const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
const discover = (clientId: string, authentication: client.ClientAuth, metadata: Partial<client.ClientMetadata> = {}) =>
  client.discovery(new URL(server.issuer), clientId, metadata, authentication, { execute });

describe.each(['ES256', 'PS256', 'RS256', 'Ed25519'])(
  'openid-client: request objects signed with %s (RFC 9101 §4, §10.5)',
  (alg) => {
    let configuration: client.Configuration;
    let key: client.PrivateKey;

    beforeAll(async () => {
      const made = await clientKey(alg);
      key = made.key;
      const party = await makeClient(server, {
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: alg,
        request_object_signing_alg: alg,
        require_signed_request_object: true,
        jwks: made.jwks,
      });
      configuration = await discover(party.clientId, client.PrivateKeyJwt(key));
    });

    it('carry the whole request, and nothing beside them counts (§6.3)', async () => {
      const { parameters, checks } = await begin(redirectUri);
      const url = await client.buildAuthorizationUrlWithJAR(configuration, parameters, key);
      expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request']);
      url.searchParams.set('redirect_uri', 'https://evil.example/');
      url.searchParams.set('state', 'x');
      const page = await signIn(new Browser(), url.href, person.email);
      const tokens = await client.authorizationCodeGrant(configuration, new URL(page.url), checks);
      expect(tokens.claims()?.sub).toBe(person.id);
    });

    it('are pushed, too (RFC 9126 §3)', async () => {
      const { parameters, checks } = await begin(redirectUri);
      const { searchParams } = await client.buildAuthorizationUrlWithJAR(configuration, parameters, key);
      const url = await client.buildAuthorizationUrlWithPAR(configuration, searchParams);
      expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
      const page = await signIn(new Browser(), url.href, person.email);
      expect((await client.authorizationCodeGrant(configuration, new URL(page.url), checks)).claims()?.sub).toBe(
        person.id,
      );
    });

    it('are the only way in for a client that says so (§10.5), and of its own key alone', async () => {
      const { parameters, checks } = await begin(redirectUri);
      const plain = await new Browser().open(client.buildAuthorizationUrl(configuration, parameters).href);
      const refused = await refusal(client.authorizationCodeGrant(configuration, new URL(plain.url), checks));
      expect(refused).toBe('invalid_request');
      const { key: stranger } = await clientKey(alg);
      const forged = await client.buildAuthorizationUrlWithJAR(configuration, parameters, stranger);
      const answer = await new Browser().open(forged.href);
      expect([answer.status, new URL(answer.url).origin]).toEqual([400, server.issuer]);
    });
  },
);

describe.each(['ES256', 'Ed25519'])(
  'openid-client: a client in its own name, with %s (RFC 6749 §4.4, RFC 8707, RFC 9449)',
  (alg) => {
    it('gets a token for one API, bound to its key, and may give it back (RFC 7009)', async () => {
      const { key, jwks } = await clientKey(alg);
      const party = await makeClient(server, {
        token_endpoint_auth_method: 'private_key_jwt',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        scope: 'bookings:read',
        jwks,
      });
      const configuration = await discover(party.clientId, client.PrivateKeyJwt(key));
      const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair(alg));
      const parameters = { resource: bookings, scope: 'bookings:read' };
      const { access_token, token_type } = await client.clientCredentialsGrant(configuration, parameters, { DPoP });
      expect(token_type).toBe('dpop');
      expect(await client.tokenIntrospection(configuration, access_token)).toMatchObject({
        active: true,
        aud: bookings,
        scope: 'bookings:read',
        token_type: 'DPoP',
        cnf: { jkt: await DPoP.calculateThumbprint() },
      });
      await client.tokenRevocation(configuration, access_token);
      expect(await client.tokenIntrospection(configuration, access_token)).toEqual({ active: false });
    });
  },
);

describe('openid-client: what comes back is verified', () => {
  it('userinfo as a signed JWT (OpenID Connect Core §5.3.2), ID tokens with RS256', async () => {
    const signed = { userinfo_signed_response_alg: 'ES256', id_token_signed_response_alg: 'RS256' };
    const party = await makeClient(server, signed);
    const configuration = await discover(party.clientId, client.ClientSecretBasic(party.clientSecret), signed);
    const { parameters, checks } = await begin(redirectUri);
    const page = await signIn(
      new Browser(),
      client.buildAuthorizationUrl(configuration, parameters).href,
      person.email,
    );
    const tokens = await client.authorizationCodeGrant(configuration, new URL(page.url), checks);
    expect(await client.fetchUserInfo(configuration, tokens.access_token, person.id)).toMatchObject({
      sub: person.id,
      aud: party.clientId,
      iss: server.issuer,
      email: person.email,
    });
    // §5.3.4: of anybody else it is refused.
    const other = client.fetchUserInfo(configuration, tokens.access_token, 'somebody else');
    expect(await refusal(other)).toBe('OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED');
  });

  it('an answer without iss, or of another issuer, is none: discovery promises it (RFC 9207 §2.4)', async () => {
    const party = await makeClient(server);
    const configuration = await discover(party.clientId, client.ClientSecretBasic(party.clientSecret));
    const { parameters, checks } = await begin(redirectUri);
    const href = client.buildAuthorizationUrl(configuration, parameters).href;
    const answer = new URL((await signIn(new Browser(), href, person.email)).url);
    for (const iss of [undefined, 'https://other.example', `${server.issuer}/`]) {
      const changed = new URL(answer);
      changed.searchParams.delete('iss');
      if (iss) changed.searchParams.set('iss', iss);
      expect(await refusal(client.authorizationCodeGrant(configuration, changed, checks))).toBe(
        'OAUTH_INVALID_RESPONSE',
      );
    }
    expect((await client.authorizationCodeGrant(configuration, answer, checks)).claims()?.sub).toBe(person.id);
  });
});

describe('openid-client: a client that registers itself (RFC 7591)', () => {
  const metadata = {
    client_name: 'Self Made',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };

  it('with an initial access token becomes one that signs people in, and manages itself (RFC 7592 §2)', async () => {
    const configuration = await client.dynamicClientRegistration(
      new URL(server.issuer),
      metadata,
      client.ClientSecretBasic(),
      { initialAccessToken: await initialAccessTokenFor(server), execute },
    );
    const { parameters, checks } = await begin(redirectUri);
    const href = client.buildAuthorizationUrl(configuration, parameters).href;
    const page = await signIn(new Browser(), href, person.email);
    expect((await client.authorizationCodeGrant(configuration, new URL(page.url), checks)).claims()?.sub).toBe(
      person.id,
    );

    // The library has no RFC 7592: it keeps what it needs for it.
    const { registration_client_uri: uri, registration_access_token: token } = configuration.clientMetadata();
    const headers = { authorization: `Bearer ${token}` };
    const read = (await (await fetch(String(uri), { headers })).json()) as Record<string, unknown>;
    expect(read).toMatchObject({ client_name: 'Self Made', redirect_uris: [redirectUri] });
    const next = { authorization: `Bearer ${read.registration_access_token ?? token}` };
    expect((await fetch(String(uri), { method: 'DELETE', headers: next })).status).toBe(204);
  });

  it('without one is refused (§3)', async () => {
    const work = client.dynamicClientRegistration(new URL(server.issuer), metadata, undefined, { execute });
    expect(await refusal(work)).not.toBe('nothing was refused');
  });
});

describe('openid-client: a sign-out (RP-Initiated Logout §2, Back-Channel Logout §2.5)', () => {
  it('brings the browser back with its state, and tells every other client by the sid of its ID token', async () => {
    const told = (path: string) => ({
      consent_policy: 'implicit',
      backchannel_logout_uri: receiver.uri(path),
      backchannel_logout_session_required: true,
      post_logout_redirect_uris: ['https://rp.example/'],
    });
    const browser = new Browser();
    const at = async (path: string) => {
      const party = await makeClient(server, told(path));
      const configuration = await discover(party.clientId, client.ClientSecretBasic(party.clientSecret));
      const { parameters, checks } = await begin(redirectUri);
      const href = client.buildAuthorizationUrl(configuration, parameters).href;
      const page = await signIn(browser, href, person.email);
      const tokens = await client.authorizationCodeGrant(configuration, new URL(page.url), checks);
      return { party, configuration, tokens };
    };
    const [one, other] = [await at('/one'), await at('/other')];
    const url = client.buildEndSessionUrl(one.configuration, {
      id_token_hint: String(one.tokens.id_token),
      post_logout_redirect_uri: 'https://rp.example/',
      state: 'bye',
    });
    const back = await browser.submit(await browser.open(url.href), { logout: 'yes' });
    expect(back.url).toBe('https://rp.example/?state=bye');
    await until('the other client is told', async () => receiver.at('/other').length > 0, 30_000);
    const { claims } = await believed(server, other.party, String(receiver.at('/other')[0]?.token));
    expect(claims).toMatchObject({ sid: other.tokens.claims()?.sid, sub: person.id });
    expect(claims.sid).toBeTruthy();
  });
});
