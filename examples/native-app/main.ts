// An application on somebody's own machine: the system's browser signs in, and brings the answer to a port of this machine (RFC 8252).
// It has no secret, because nobody can keep one that is handed to everybody: PKCE alone says who may redeem the code.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import * as client from 'openid-client';

const { ISSUER = 'http://localhost:3000', CLIENT_ID = 'example-native-app', BROWSER } = process.env;
// An API that is called besides, as token-exchange is one.
const { API, AUDIENCE = 'https://trips.example.com', SCOPE = 'bookings:read' } = process.env;
const once = process.argv.includes('--once'); // keeps nothing, and ends what it was given

// Plain http is for a server on this machine alone.
const local = new URL(ISSUER).hostname === 'localhost' ? [client.allowInsecureRequests] : [];
const configuration = await client.discovery(new URL(ISSUER), CLIENT_ID, {}, client.None(), {
  execute: [client.enableNonRepudiationChecks, ...local],
});

/** RFC 8252 §7.3, §8.3: on 127.0.0.1 and not on all addresses, at whichever port is free, and only as long as it is needed. */
async function listen(): Promise<{ redirectUri: string; answered: Promise<URL> }> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  const answered = new Promise<URL>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('Nobody signed in within five minutes')), 300_000);
    listener.on('request', (request, response) => {
      const [path, query = ''] = (request.url ?? '').split('?');
      const url = new URL(`${redirectUri}?${query}`);
      response.setHeader('connection', 'close');
      // Anybody on this machine may ask this port: what is not the answer to our request ends nothing.
      if (request.method !== 'GET' || path !== '/callback' || url.searchParams.get('state') !== state)
        return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': 'text/plain', 'referrer-policy': 'no-referrer' });
      response.end('You can close this window and go back to the application.');
      clearTimeout(late);
      listener.close();
      resolve(url);
    });
  });
  return { redirectUri, answered };
}

const openers: Readonly<Record<string, string>> = { darwin: 'open', win32: 'explorer' };

/** The system's own browser, where the person is signed in already and sees the address (RFC 8252 §8.12). */
function open(url: URL): void {
  console.log(`Sign in with your browser:\n${url.href}`);
  spawn(BROWSER ?? openers[process.platform] ?? 'xdg-open', [url.href], { stdio: 'ignore', detached: true })
    .on('error', () => {}) // there is the address above
    .unref();
}

const [state, nonce, verifier] = [client.randomState(), client.randomNonce(), client.randomPKCECodeVerifier()];
const { redirectUri, answered } = await listen();
open(
  client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: ['openid profile email', ...(API ? [SCOPE] : [])].join(' '),
    ...(API ? { resource: AUDIENCE } : {}),
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }),
);

// Checks state, iss (RFC 9207), and the ID token with its nonce, audience and signature (OpenID Connect Core §3.1.3.7).
let tokens = await client.authorizationCodeGrant(configuration, await answered, {
  expectedState: state,
  expectedNonce: nonce,
  pkceCodeVerifier: verifier,
  idTokenExpected: true,
});
const { sub = '' } = tokens.claims() ?? {};
const { name, email } = await client.fetchUserInfo(configuration, tokens.access_token, sub);
console.log(`Hello ${name ?? email}`);

// Later, when the access token has ended. Each refresh token works once (RFC 9700 §4.14.2): keep the new one, in the keychain of the system.
// For one API at a time (RFC 8707 §2): what is shown there opens nothing else.
const forApi: Record<string, string> = API ? { resource: AUDIENCE, scope: SCOPE } : {};
tokens = { ...tokens, ...(await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '', forApi)) };
console.log(`The access token is good for ${tokens.expires_in} seconds`);
if (API) {
  const answer = await client.fetchProtectedResource(configuration, tokens.access_token, new URL(API), 'GET');
  console.log(`${API} answered ${await answer.text()}`);
}

// What is kept nowhere is ended (RFC 7009), and with it everything that came from the same sign-in.
if (once) await client.tokenRevocation(configuration, tokens.refresh_token ?? '');
