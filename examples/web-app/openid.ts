// What the application says to the server, and what it checks of the answers. Pages and cookies are in main.ts.
import { createRemoteJWKSet } from 'jose';
import * as client from 'openid-client';
import { believed, type Ended } from './logout-token.js';

const { ISSUER = 'http://localhost:3000', CLIENT_ID = 'example-web-app', CLIENT_SECRET = '' } = process.env;
const scope = 'openid profile email';

// Plain http is for a server on this machine alone.
const local = new URL(ISSUER).hostname === 'localhost' ? [client.allowInsecureRequests] : [];
const configuration = await client.discovery(new URL(ISSUER), CLIENT_ID, {}, client.ClientSecretBasic(CLIENT_SECRET), {
  execute: [client.enableNonRepudiationChecks, ...local],
});
const { issuer, jwks_uri } = configuration.serverMetadata();
const keys = createRemoteJWKSet(new URL(jwks_uri ?? ''));

/** What the browser keeps between the request and its answer (RFC 9700 §4.5, §4.7). */
export interface Pending {
  state: string;
  nonce: string;
  verifier: string;
}

/** Somebody who has signed in. */
export interface Person {
  sub: string;
  /** Their session at the server: sign-outs are told by it. */
  sid: unknown;
  tokens: client.TokenEndpointResponse;
  /** Of the access token, in milliseconds since 1970. */
  expiresAt: number;
  renewal?: Promise<void> | undefined;
}

export async function begin(redirectUri: string): Promise<{ url: string; pending: Pending }> {
  const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()];
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope,
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  return { url: url.href, pending: { state, nonce, verifier } };
}

/** Checks state, iss (RFC 9207), and the ID token with its nonce, audience and signature (OpenID Connect Core §3.1.3.7). */
export async function finish(callback: URL, { state, nonce, verifier }: Pending): Promise<Person> {
  const tokens = await client.authorizationCodeGrant(configuration, callback, {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  return { sub: claims?.sub ?? '', sid: claims?.sid, tokens, expiresAt: endOf(tokens) };
}

/** Asked for the subject of the ID token: userinfo of anybody else is refused (OpenID Connect Core §5.3.4). */
export async function userinfo(person: Person): Promise<client.UserInfoResponse> {
  return client.fetchUserInfo(configuration, await accessToken(person), person.sub);
}

/** One that is good for another half minute, for any API. Whoever asks while it is renewed waits for the same answer. */
async function accessToken(person: Person): Promise<string> {
  if (Date.now() > person.expiresAt - 30_000) {
    person.renewal ??= renew(person).finally(() => {
      person.renewal = undefined;
    });
    await person.renewal;
  }
  return person.tokens.access_token;
}

async function renew(person: Person): Promise<void> {
  const next = await client.refreshTokenGrant(configuration, person.tokens.refresh_token ?? '');
  // The refresh token just used is over (RFC 9700 §4.14.2): the next one is in the answer.
  person.tokens = { ...person.tokens, ...next };
  person.expiresAt = endOf(next);
}

/** The server takes the token no more: revoked, or its session has ended. Anything else is a fault, and ends nobody's session. */
export const isOver = (error: unknown): boolean =>
  (error instanceof client.WWWAuthenticateChallengeError && error.status === 401) ||
  (error instanceof client.ResponseBodyError && error.error === 'invalid_grant');

/** OpenID Connect RP-Initiated Logout 1.0 §2. */
export const endSessionUrl = (person: Person | undefined, back: string): string =>
  client.buildEndSessionUrl(configuration, {
    post_logout_redirect_uri: back,
    ...(person?.tokens.id_token ? { id_token_hint: person.tokens.id_token } : {}),
  }).href;

/** Whose session has ended elsewhere (OpenID Connect Back-Channel Logout 1.0 §2.6). @throws Error where it is not believed. */
export const endedBy = (token: string): Promise<Ended> => believed(token, { issuer, clientId: CLIENT_ID, keys });

const endOf = ({ expires_in = 0 }: client.TokenEndpointResponse): number => Date.now() + expires_in * 1000;
