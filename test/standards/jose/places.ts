// Every place that takes a JWT: what a genuine one is there, and how one sees that it was taken.
import { createHash, createPublicKey, generateKeyPairSync, type JsonWebKey, KeyObject, randomUUID } from 'node:crypto';
import { Browser } from '../../support/browser.js';
import {
  authorizationUrl,
  makeClient,
  makePerson,
  type Party,
  pkce,
  post,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { type DpopKey, dpopKey, proofOf } from '../../support/proofs.js';
import type { TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';
import { type Genuine, signed } from './corpus.js';

export interface Place {
  /** What is taken here: the same thing may be taken at several places. */
  kind: string;
  /** Whether clients sign it, and what they may say in it is looked at too. */
  ofClient: boolean;
  /** A new one each time. */
  genuine(): Promise<Genuine>;
  /** @returns whether it was taken. @throws Error where the server failed. */
  takes(jwt: string): Promise<boolean>;
}

const now = () => Math.floor(Date.now() / 1000);

/** @param elsewhere where keys could be fetched from, and are not. */
export async function placesOf(server: TestServer, elsewhere: string): Promise<Record<string, Place>> {
  const key = await dpopKey();
  const own = KeyObject.from(key.privateKey as never);
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const strangerJwk = stranger.publicKey.export({ format: 'jwk' });
  const made = (jwt: string, jwk: JsonWebKey, signer: KeyObject): Genuine => {
    const [header = {}, claims = {}] = jwt
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
    return { jwt, header, claims, jwk, key: signer, stranger: stranger.privateKey, strangerJwk, elsewhere };
  };
  const byClient = (header: object, claims: object) =>
    made(signed({ alg: 'ES256', ...header }, claims, own), key.jwk as JsonWebKey, own);

  const { signer, asking, free, web } = await clientsOf(server, key);
  const person = await makePerson(server);
  const browser = new Browser();
  await signIn(browser, authorizationUrl(server, web, pkce()), person.email);
  const resource = 'https://trips.example/api';
  await server.inside(({ resources }) =>
    resources.create({ identifier: resource, name: 'Trips', access_token_format: 'jwt' }),
  );
  const keys = (await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: (JsonWebKey & { kid: string })[] };
  const byServer = (jwt: unknown): Genuine => {
    const { kid } = JSON.parse(Buffer.from(String(jwt).split('.')[0] ?? '', 'base64url').toString());
    const jwk = keys.keys.find((one) => one.kid === kid) as JsonWebKey;
    createPublicKey({ key: jwk, format: 'jwk' });
    return made(String(jwt), jwk, stranger.privateKey);
  };

  const assertion: Omit<Place, 'takes'> = {
    kind: 'client assertion',
    ofClient: true,
    genuine: async () => {
      const { clientId } = signer;
      const claims = {
        iss: clientId,
        sub: clientId,
        aud: server.issuer,
        iat: now(),
        exp: now() + 60,
        jti: randomUUID(),
      };
      return byClient({ kid: 'one' }, claims);
    },
  };
  const requestOf = (party: Party): Omit<Place, 'takes'> => ({
    kind: `request object of ${party === asking ? 'asking' : 'free'}`,
    ofClient: true,
    genuine: async () => {
      const { clientId: iss } = party;
      const asked = Object.fromEntries(new URL(authorizationUrl(server, party, pkce())).searchParams);
      return byClient(
        { kid: 'one' },
        { ...asked, iss, aud: server.issuer, iat: now(), exp: now() + 60, jti: randomUUID() },
      );
    },
  });
  const proof = (htm: string, path: string, more: () => Promise<object> = async () => ({})): Omit<Place, 'takes'> => ({
    kind: `DPoP proof at ${path}`,
    ofClient: false,
    genuine: async () => {
      const claims = { htm, htu: `${server.issuer}${path}`, jti: randomUUID(), iat: now(), ...(await more()) };
      return byClient({ typ: 'dpop+jwt', jwk: key.jwk }, claims);
    },
  });
  const hint: Omit<Place, 'takes'> = {
    kind: 'id_token_hint',
    ofClient: false,
    genuine: async () => byServer((await tokensFor(server, web, person.email, { prompt: 'none' }, browser)).id_token),
  };

  const atAuthorize = async (party: Party, request: string) => {
    const url = `${server.issuer}/authorize?${new URLSearchParams({ client_id: party.clientId, request })}`;
    const response = await answered(new Browser().request(url));
    return response.headers.get('location')?.includes('/interaction/') ?? false;
  };
  const form = async (path: string, body: Record<string, string>, headers: Record<string, string> = {}) =>
    answered(fetch(`${server.issuer}${path}`, { method: 'POST', headers, body: new URLSearchParams(body) }));
  const atPar = async (party: Party, request: string) => (await form('/par', { request }, basic(party))).status === 201;
  const bound = await boundToken(server, web, key, person.email);

  return {
    'client_assertion at /token (RFC 7523 §3)': {
      ...assertion,
      takes: async (jwt) => (await form('/token', { grant_type: 'client_credentials', ...byAssertion(jwt) })).ok,
    },
    'client_assertion at /introspect (RFC 7523 §3)': {
      ...assertion,
      takes: async (jwt) => (await form('/introspect', { token: 'x', ...byAssertion(jwt) })).ok,
    },
    'request at /authorize (RFC 9101 §5)': { ...requestOf(asking), takes: (jwt) => atAuthorize(asking, jwt) },
    'request at /par (RFC 9126 §3)': { ...requestOf(asking), takes: (jwt) => atPar(asking, jwt) },
    'request of a client that need not sign': { ...requestOf(free), takes: (jwt) => atAuthorize(free, jwt) },
    'DPoP at /token (RFC 9449 §5)': {
      ...proof('POST', '/token'),
      takes: async (dpop) => (await form('/token', { grant_type: 'client_credentials' }, { ...basic(web), dpop })).ok,
    },
    'DPoP at /userinfo (RFC 9449 §7)': {
      ...proof('GET', '/userinfo', async () => ({ ath: bound.ath })),
      takes: async (dpop) => {
        const headers = { authorization: `DPoP ${bound.token}`, dpop };
        return (await answered(fetch(`${server.issuer}/userinfo`, { headers }))).ok;
      },
    },
    'id_token_hint at /authorize (OpenID Connect Core §3.1.2.1)': {
      ...hint,
      takes: async (id_token_hint) => {
        const url = authorizationUrl(server, web, pkce(), { prompt: 'none', id_token_hint });
        const location = (await answered(browser.request(url))).headers.get('location');
        return location !== null && new URL(location).searchParams.has('code');
      },
    },
    'id_token_hint at /logout (RP-Initiated Logout 1.0 §2)': {
      ...hint,
      takes: async (id_token_hint) => {
        const url = `${server.issuer}/logout?${new URLSearchParams({ id_token_hint })}`;
        return (await answered(new Browser().request(url))).ok;
      },
    },
    'access token at /introspect (RFC 9068 §4)': {
      kind: 'access token',
      ofClient: false,
      genuine: async () => {
        const asked = { grant_type: 'client_credentials', resource, scope: 'trips' };
        return byServer((await post(server, '/token', web, asked)).body.access_token);
      },
      takes: async (token) => {
        const response = await form('/introspect', { token }, basic(web));
        return response.ok && ((await response.json()) as { active: boolean }).active;
      },
    },
  };
}

async function clientsOf(server: TestServer, { jwk }: DpopKey) {
  const jwks = { keys: [{ ...jwk, kid: 'one', alg: 'ES256', use: 'sig' }] };
  const trusted = { consent_policy: 'implicit' };
  const grant_types = ['authorization_code', 'refresh_token', 'client_credentials'];
  return {
    signer: await makeClient(server, {
      jwks,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'private_key_jwt',
    }),
    asking: await makeClient(server, {
      ...trusted,
      jwks,
      require_signed_request_object: true,
      request_object_signing_alg: 'ES256',
    }),
    free: await makeClient(server, { ...trusted, jwks }),
    web: await makeClient(server, { ...trusted, grant_types }),
  };
}

/** RFC 9449 §7.1. */
async function boundToken(server: TestServer, party: Party, key: DpopKey, email: string) {
  const secret = pkce();
  const page = await signIn(new Browser(), authorizationUrl(server, party, secret), email);
  const response = await fetch(`${server.issuer}/token`, {
    method: 'POST',
    headers: { ...basic(party), dpop: await proofOf(key, { htm: 'POST', htu: `${server.issuer}/token` }) },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: new URL(page.url).searchParams.get('code') ?? '',
      redirect_uri: party.redirectUri,
      code_verifier: secret.verifier,
    }),
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  return { token, ath: createHash('sha256').update(token).digest('base64url') };
}

const byAssertion = (client_assertion: string) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion,
});

/** Hung up on, for its size, is refused too; a server that fails is neither. */
export async function answered(request: Promise<Response>): Promise<Response> {
  const response = await request.catch(() => new Response(null, { status: 413 }));
  if (response.status >= 500) throw new Error(`the server failed: ${response.status}`);
  return response;
}
