// An application that runs in the browser alone: a public client with PKCE, whose tokens are bound to a key of this browser (RFC 9449). Tokens
// live in memory, so a reload asks the server again; whoever is signed in there sees nothing of it.
import { keyPair } from './keys.js';
import * as oauth from './oauth4webapi.js';

const { issuer, clientId, api, audience } = await (await fetch('/settings.json')).json();
// Plain http is for a server on this machine alone.
const local = { [oauth.allowInsecureRequests]: new URL(issuer).hostname === 'localhost' };
const discovered = await oauth.discoveryRequest(new URL(issuer), local);
const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered);
const client = { client_id: clientId };
const nobody = oauth.None(); // a page can keep no secret
const DPoP = oauth.DPoP(client, await keyPair());
const redirectUri = `${location.origin}/callback`;

let idToken;
let refreshToken;

/** State, nonce and PKCE stay in this tab (RFC 9700 §4.5, §4.7). */
async function signIn() {
  const verifier = oauth.generateRandomCodeVerifier();
  const pending = { verifier, state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
  sessionStorage.setItem('pending', JSON.stringify(pending));
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile bookings:read',
    resource: audience,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  location.assign(url);
}

async function finish() {
  const { verifier, state, nonce } = JSON.parse(sessionStorage.getItem('pending') ?? '{}');
  if (!state) throw new Error('This sign-in was not begun in this tab');
  sessionStorage.removeItem('pending');
  const callback = new URL(location.href);
  history.replaceState(null, '', '/'); // the code is in no address and no history any more
  // state, and iss: who answers is who was asked (RFC 9207 §2.4).
  const parameters = oauth.validateAuthResponse(server, client, callback, state);
  const tokens = await withNonce(async () =>
    oauth.processAuthorizationCodeResponse(
      server,
      client,
      await oauth.authorizationCodeGrantRequest(server, client, nobody, parameters, redirectUri, verifier, {
        ...local,
        DPoP,
      }),
      { expectedNonce: nonce, requireIdToken: true },
    ),
  );
  keep(tokens);
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const { name } = await userinfo(tokens.access_token, sub);
  return name ?? sub;
}

const userinfo = (accessToken, sub) =>
  withNonce(async () => {
    const answer = await oauth.userInfoRequest(server, client, accessToken, { ...local, DPoP });
    return oauth.processUserInfoResponse(server, client, sub, answer);
  });

/** A token for one API: what is shown there opens nothing else (RFC 8707 §2.2). */
async function tokenFor(resource) {
  const options = { ...local, DPoP, additionalParameters: { resource } };
  const tokens = await withNonce(async () =>
    oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(server, client, nobody, refreshToken, options),
    ),
  );
  keep(tokens);
  return tokens.access_token;
}

/** The refresh token just used is over (RFC 9700 §4.14.2). */
function keep(tokens) {
  idToken = tokens.id_token ?? idToken;
  refreshToken = tokens.refresh_token ?? refreshToken;
}

/** RFC 9449 §8, §9: a server may ask for a nonce of its own in the proof. The library has kept it, so the same again is right. */
async function withNonce(work) {
  try {
    return await work();
  } catch (error) {
    if (oauth.isDPoPNonceError(error)) return work();
    throw error;
  }
}

async function bookings() {
  const token = await tokenFor(audience);
  const answer = await withNonce(() =>
    oauth.protectedResourceRequest(token, 'GET', new URL(api), new Headers(), undefined, { ...local, DPoP }),
  );
  return (await answer.json()).bookings;
}

/** OpenID Connect RP-Initiated Logout 1.0 §2: the refresh token ends with the session. */
function signOut() {
  const url = new URL(server.end_session_endpoint);
  const back = `${location.origin}/signed-out`;
  url.search = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: back });
  location.assign(url);
}

const element = (id) => document.getElementById(id);
element('sign-in').onclick = signIn;
element('sign-out').onclick = signOut;
if (location.pathname === '/callback') {
  try {
    element('title').textContent = `Hello ${await finish()}`;
    element('bookings').textContent = (await bookings()).join(', ');
    element('sign-out').hidden = false;
  } catch (error) {
    element('title').textContent = `Not signed in: ${error.error ?? error.message}`;
    element('sign-in').hidden = false;
  }
} else element('sign-in').hidden = false;
