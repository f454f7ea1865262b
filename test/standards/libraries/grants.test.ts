// The grants beyond the code, and what a code needs at its most demanding, by both libraries: openid-client, and oauth4webapi request by request.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { Browser } from '../../support/browser.js';
import { CIBA_GRANT, makeBank, press } from '../../support/ciba.js';
import { approve, makeDeviceClient, typeCode } from '../../support/device.js';
import {
  ACCESS_TOKEN,
  back,
  type Chain,
  makeChain,
  makeResources,
  received,
  TOKEN_EXCHANGE,
} from '../../support/exchanging.js';
import { clientKey, refusal } from '../../support/library-client.js';
import {
  authorizationUrl,
  begin,
  discover,
  insecure,
  introspect,
  type Relying,
  userinfo,
  withSecret,
} from '../../support/oauth4webapi.js';
import { makeClient, makePerson, type Party, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

let server: TestServer;
let as: oauth.AuthorizationServer;
let person: { id: string; email: string };

beforeAll(async () => {
  server = await startServer();
  as = await discover(server, 'oidc');
  person = await makePerson(server);
}, 180_000);
afterAll(() => server?.close());

const configured = ({ clientId, clientSecret }: Party) =>
  client.discovery(new URL(server.issuer), clientId, clientSecret, client.ClientSecretBasic(clientSecret), {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  });

describe('a signed request and a signed answer, by oauth4webapi (RFC 9101, RFC 9126, JARM, RFC 9449 §8)', () => {
  it('goes through with PS256, and learns the nonce of its proofs from the server', async () => {
    const { key, jwks } = await clientKey('PS256');
    const { clientId, redirectUri } = await makeClient(server, {
      profile: 'fapi2',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'PS256',
      request_object_signing_alg: 'PS256',
      require_signed_request_object: true,
      dpop_nonce_required: true,
      jwks,
    });
    const party: oauth.Client = { client_id: clientId };
    const relying: Relying & { DPoP: oauth.DPoPHandle } = {
      client: party,
      authentication: oauth.PrivateKeyJwt(key),
      DPoP: oauth.DPoP(party, await oauth.generateKeyPair('ES256')),
      redirectUri,
    };
    const options = { ...insecure, DPoP: relying.DPoP };
    const begun = await begin(relying, { response_mode: 'jwt' });
    const request = await oauth.issueRequestObject(as, relying.client, begun.parameters, key);
    const push = async () =>
      oauth.processPushedAuthorizationResponse(
        as,
        relying.client,
        await oauth.pushedAuthorizationRequest(
          as,
          relying.client,
          relying.authentication,
          new URLSearchParams({ client_id: clientId, request }),
          options,
        ),
      );
    const first = await push().catch((error: unknown) => error);
    expect(oauth.isDPoPNonceError(first)).toBe(true);
    const { request_uri } = await push();

    const url = authorizationUrl(as, new URLSearchParams({ client_id: clientId, request_uri }));
    const page = await signIn(new Browser(), url, person.email);
    const response = new URL(page.url);
    expect([...response.searchParams.keys()]).toEqual(['response']);
    const parameters = await oauth.validateJwtAuthResponse(as, relying.client, response, begun.state, insecure);
    const answer = await oauth.authorizationCodeGrantRequest(
      as,
      relying.client,
      relying.authentication,
      parameters,
      redirectUri,
      begun.verifier,
      options,
    );
    const checks = { expectedNonce: begun.nonce, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(as, relying.client, answer, checks);
    await oauth.validateApplicationLevelSignature(as, answer, insecure);
    expect((await userinfo(as, relying, tokens.access_token, person.id)).claims.sub).toBe(person.id);
  });
});

describe('a device, by oauth4webapi (RFC 8628 §3)', () => {
  it('asks, is told to wait, and gets tokens of whoever typed its code', async () => {
    const { client, authentication } = withSecret(await makeDeviceClient(server));
    const asked = await oauth.processDeviceAuthorizationResponse(
      as,
      client,
      await oauth.deviceAuthorizationRequest(as, client, authentication, { scope: 'openid email' }, insecure),
    );
    const poll = async () => {
      const answer = await oauth.deviceCodeGrantRequest(as, client, authentication, asked.device_code, insecure);
      return oauth.processDeviceCodeResponse(as, client, answer);
    };
    expect(await refusal(poll())).toBe('authorization_pending');
    const browser = new Browser();
    await approve(browser, await typeCode(browser, server, asked.user_code), person.email);
    await new Promise((resolve) => setTimeout(resolve, 1000 * (asked.interval ?? 5)));
    expect(oauth.getValidatedIdTokenClaims(await poll())?.sub).toBe(person.id);
  }, 30_000);
});

describe('a person who is asked elsewhere (OpenID Connect CIBA §7, §10.1, poll)', () => {
  /** Signed in at the phone, and asked by nobody else. */
  async function atThePhone() {
    const owner = await makePerson(server);
    const phone = new Browser();
    await signIn(phone, `${server.issuer}/account`, owner.email);
    const answer = async () => press(phone, await phone.open(`${server.issuer}/account/requests`), 'approve');
    return { owner, answer };
  }

  it('openid-client polls until the person has approved', async () => {
    const { owner, answer } = await atThePhone();
    const configuration = await configured(await makeBank(server));
    const asked = await client.initiateBackchannelAuthentication(configuration, {
      scope: 'openid email',
      login_hint: owner.email,
      binding_message: 'Z-4711',
    });
    await answer();
    const tokens = await client.pollBackchannelAuthenticationGrant(configuration, asked);
    expect(tokens.claims()?.sub).toBe(owner.id);
    expect(await client.fetchUserInfo(configuration, tokens.access_token, owner.id)).toMatchObject({
      email: owner.email,
    });
  }, 30_000);

  it('oauth4webapi is told that it is too early, and then gets tokens', async () => {
    const { owner, answer } = await atThePhone();
    const { client, authentication } = withSecret(await makeBank(server));
    const asked = await oauth.processBackchannelAuthenticationResponse(
      as,
      client,
      await oauth.backchannelAuthenticationRequest(
        as,
        client,
        authentication,
        { scope: 'openid', login_hint: owner.email },
        insecure,
      ),
    );
    const poll = async () =>
      oauth.processBackchannelAuthenticationGrantResponse(
        as,
        client,
        await oauth.backchannelAuthenticationGrantRequest(as, client, authentication, asked.auth_req_id, insecure),
      );
    expect(await refusal(poll())).toBe('authorization_pending');
    await answer();
    await new Promise((resolve) => setTimeout(resolve, 1000 * (asked.interval ?? 5)));
    expect(oauth.getValidatedIdTokenClaims(await poll())?.sub).toBe(owner.id);
    expect(as.grant_types_supported).toContain(CIBA_GRANT);
  }, 30_000);
});

describe('a service on behalf of a person (RFC 8693 §2)', () => {
  let chain: Chain;
  let parameters: Record<string, string>;
  beforeAll(async () => {
    await makeResources(server);
    chain = await makeChain(server);
    const { access_token } = await received(server, chain.app, person.email);
    parameters = {
      subject_token: String(access_token),
      subject_token_type: ACCESS_TOKEN,
      resource: back,
      scope: 'read',
    };
  });

  it('openid-client exchanges what it received for a token of its own', async () => {
    const configuration = await configured(chain.service);
    const tokens = await client.genericGrantRequest(configuration, TOKEN_EXCHANGE, parameters);
    expect([tokens.issued_token_type, tokens.scope, tokens.refresh_token]).toEqual([ACCESS_TOKEN, 'read', undefined]);
    expect(await client.tokenIntrospection(configuration, tokens.access_token)).toMatchObject({
      active: true,
      sub: person.id,
      aud: back,
      act: { client_id: chain.service.clientId },
    });
  });

  it('oauth4webapi as well, and is refused what the policy does not name', async () => {
    const relying = withSecret(chain.service);
    const exchange = async (more: Record<string, string> = {}) => {
      const { client, authentication } = relying;
      const said = { ...parameters, ...more };
      const answer = await oauth.genericTokenEndpointRequest(
        as,
        client,
        authentication,
        TOKEN_EXCHANGE,
        said,
        insecure,
      );
      return oauth.processGenericTokenEndpointResponse(as, client, answer);
    };
    const { access_token } = await exchange();
    expect(await introspect(as, relying, access_token)).toMatchObject({ active: true, sub: person.id, aud: back });
    expect(await refusal(exchange({ resource: 'https://elsewhere.example/api' }))).toBe('invalid_target');
  });
});
