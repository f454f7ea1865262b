// Requests one by one, as an application makes them with oauth4webapi: what each function refuses of an answer, no careful client would take.
import * as oauth from 'oauth4webapi';
import { Browser } from './browser.js';
import { type Party, signIn } from './party.js';
import type { TestServer } from './server.js';

export const insecure = { [oauth.allowInsecureRequests]: true };

/** A client, how it authenticates, and how it proves its key where it has one. */
export interface Relying {
  client: oauth.Client;
  authentication: oauth.ClientAuth;
  DPoP?: oauth.DPoPHandle;
  redirectUri: string;
}

export const withSecret = ({ clientId, clientSecret, redirectUri }: Party, metadata: object = {}): Relying => ({
  client: { client_id: clientId, ...metadata },
  authentication: oauth.ClientSecretBasic(clientSecret),
  redirectUri,
});

export async function discover(
  { issuer }: Pick<TestServer, 'issuer'>,
  algorithm: 'oidc' | 'oauth2',
): Promise<oauth.AuthorizationServer> {
  const answer = await oauth.discoveryRequest(new URL(issuer), { ...insecure, algorithm });
  return oauth.processDiscoveryResponse(new URL(issuer), answer);
}

interface Begun {
  parameters: URLSearchParams;
  verifier: string;
  nonce: string;
  state: string;
}

/** OpenID Connect Core §3.1.2.1, with PKCE (RFC 7636), state and nonce made anew. */
export async function begin({ client, redirectUri }: Relying, more: Record<string, string> = {}): Promise<Begun> {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  });
  return { parameters, verifier, nonce, state };
}

export const authorizationUrl = (as: oauth.AuthorizationServer, parameters: URLSearchParams) =>
  `${as.authorization_endpoint}?${parameters}`;

const proving = ({ DPoP }: Relying) => ({ ...insecure, ...(DPoP ? { DPoP } : {}) });

/** Signs in and redeems the code; state, iss, nonce and every claim of the ID token are checked, and its signature. */
export async function tokensFor(
  as: oauth.AuthorizationServer,
  relying: Relying,
  email: string,
  begun: Begun,
  url = authorizationUrl(as, begun.parameters),
  browser = new Browser(),
): Promise<oauth.TokenEndpointResponse> {
  const { client, authentication, redirectUri } = relying;
  const page = await signIn(browser, url, email);
  const answer = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    authentication,
    oauth.validateAuthResponse(as, client, new URL(page.url), begun.state),
    redirectUri,
    begun.verifier,
    proving(relying),
  );
  const checks = { expectedNonce: begun.nonce, requireIdToken: true };
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, checks);
  await oauth.validateApplicationLevelSignature(as, answer, insecure);
  return tokens;
}

/** @returns the claims, and the answer they stood in. */
export async function userinfo(as: oauth.AuthorizationServer, relying: Relying, token: string, subject: string) {
  const answer = await oauth.userInfoRequest(as, relying.client, token, proving(relying));
  return { claims: await oauth.processUserInfoResponse(as, relying.client, subject, answer), answer };
}

export async function introspect(as: oauth.AuthorizationServer, { client, authentication }: Relying, token: string) {
  const answer = await oauth.introspectionRequest(as, client, authentication, token, insecure);
  return oauth.processIntrospectionResponse(as, client, answer);
}

export async function refresh(as: oauth.AuthorizationServer, relying: Relying, token: string) {
  const { client, authentication } = relying;
  const answer = await oauth.refreshTokenGrantRequest(as, client, authentication, token, proving(relying));
  return oauth.processRefreshTokenResponse(as, client, answer);
}
