// Applications of every kind beside one person who is signed in: whatever they ask wrongly, and what the record says of it.
import { expect } from '@jest/globals';
import { generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import { ask, tokenWith } from './api.js';
import { Browser } from './browser.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  type Pkce,
  pkce,
  redeem,
  signIn,
} from './party.js';
import { type DpopKey, dpopKey } from './proofs.js';
import type { TestServer } from './server.js';
import { basic } from './shown.js';

/** A parameter that is left out, sent once, or more than once. */
export type Change = Record<string, string | string[] | undefined>;

/** A resource of which few may ask for anything. */
export const HELD = 'https://held.example';

/** In every value that must not be kept. */
export const CANARY = 'canary5ecret';

export interface RefusedHouse {
  server: TestServer;
  parties: Record<
    | 'web'
    | 'narrow'
    | 'finder'
    | 'timed'
    | 'pushing'
    | 'signing'
    | 'bound'
    | 'strict'
    | 'native'
    | 'signer'
    | 'fetched',
    Party
  >;
  key: DpopKey;
  browser: Browser;
  reader: string;
}

/** What was answered: the error where the client is told of it, and the reference. */
export interface Refused {
  status: number;
  error?: string | undefined;
  reference: string;
  text: string;
}

export async function refusedHouse(server: TestServer): Promise<RefusedHouse> {
  const key = await dpopKey();
  const jwks = { keys: [{ ...key.jwk, kid: 'one', alg: 'ES256', use: 'sig' }] };
  const trusted = { consent_policy: 'implicit' };
  const all = ['authorization_code', 'refresh_token', 'client_credentials'];
  const byKey = { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' };
  const parties = {
    web: await makeClient(server, {
      ...trusted,
      grant_types: all,
      response_types: ['code', 'none'],
      post_logout_redirect_uris: ['https://rp.example/out'],
    }),
    narrow: await makeClient(server, { grant_types: ['authorization_code'], scope: 'openid profile' }),
    finder: await makeClient(server, { scope: 'openid profile' }),
    timed: await makeClient(server, { ...trusted, require_auth_time: true }),
    pushing: await makeClient(server, { ...trusted, require_pushed_authorization_requests: true }),
    signing: await makeClient(server, {
      ...trusted,
      jwks,
      require_signed_request_object: true,
      request_object_signing_alg: 'ES256',
    }),
    bound: await makeClient(server, { ...trusted, grant_types: all, dpop_bound_access_tokens: true }),
    strict: await makeClient(server, { ...trusted, refresh_grace: 0 }),
    native: await makeClient(server, { application_type: 'native', token_endpoint_auth_method: 'none' }),
    signer: await makeClient(server, { ...trusted, ...byKey, jwks, grant_types: all }),
    fetched: await makeClient(server, { ...byKey, grant_types: all, jwks_uri: 'https://127.0.0.1:1/jwks' }),
  };
  await server.inside(async ({ resources, clients, db }) => {
    await resources.create({ identifier: HELD, name: 'Held', scopes: [{ name: 'held' }] });
    // As if it had registered itself.
    await db.manager.query('UPDATE clients SET dynamic = true WHERE client_id = $1', [parties.finder.clientId]);
    await clients.update(await clients.find(parties.finder.clientId), { client_name: 'Finder' });
  });
  const person = await makePerson(server);
  const browser = new Browser();
  await signIn(browser, authorizationUrl(server, parties.web, pkce()), person.email);
  return { server, parties, key, browser, reader: await tokenWith(server, 'traces:read') };
}

/** RFC 6749 §4.1.1. @param browser whose session, nobody's unless said. */
export async function authorize(
  { server }: RefusedHouse,
  party: Party,
  change: Change = {},
  browser = new Browser(),
): Promise<Refused> {
  const response = await browser.request(`${server.issuer}/authorize?${parametersOf(server, party, change)}`);
  return refusedBy(response);
}

/** RFC 9126 §2.1. */
export const push = (house: RefusedHouse, party: Party, change: Change = {}, headers: Record<string, string> = {}) =>
  send(house, '/par', party, parametersOf(house.server, party, change), headers);

/** RFC 6749 §3.2. */
export const token = (house: RefusedHouse, party: Party, form: Change, headers: Record<string, string> = {}) =>
  send(house, '/token', party, changed(new URLSearchParams(), form), headers);

/** OpenID Connect CIBA §7.1. */
export const askBehind = (house: RefusedHouse, party: Party, form: Change) =>
  send(house, '/backchannel', party, changed(new URLSearchParams(), form), {});

/** With a secret where the client has one; headers and parameters given say otherwise. */
async function send(
  { server }: RefusedHouse,
  path: string,
  party: Party,
  body: URLSearchParams,
  headers: Record<string, string>,
): Promise<Refused> {
  if (!party.clientSecret) body.set('client_id', party.clientId);
  const response = await fetch(server.issuer + path, {
    method: 'POST',
    headers: { ...(party.clientSecret && !('anonymous' in headers) ? basic(party) : {}), ...headers },
    body,
  });
  return refusedBy(response);
}

export function parametersOf(server: TestServer, party: Party, change: Change, proof = pkce()): URLSearchParams {
  const more = { state: `state-${CANARY}`, nonce: `nonce-${CANARY}`, login_hint: `${CANARY}@example.com` };
  return changed(new URL(authorizationUrl(server, party, proof, more)).searchParams, change);
}

function changed(parameters: URLSearchParams, change: Change): URLSearchParams {
  for (const [name, value] of Object.entries(change)) {
    parameters.delete(name);
    for (const one of value === undefined ? [] : [value].flat()) parameters.append(name, one);
  }
  return parameters;
}

async function refusedBy(response: Response): Promise<Refused> {
  const text = await response.text();
  const location = response.headers.get('location');
  const told = location
    ? Object.fromEntries(new URLSearchParams(new URL(location).search || new URL(location).hash.slice(1)))
    : text.startsWith('{')
      ? (JSON.parse(text) as Record<string, string>)
      : {};
  const reference = /([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})/.exec(told.error_uri ?? text)?.[1] ?? '';
  return { status: response.status, error: told.error, reference, text: text + (location ?? '') };
}

/** What the record says; it is written while the answer is on its way. */
export async function traceOf({ server, reader }: RefusedHouse, reference: string): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { status, body } = await ask(server, reader, 'get', `/traces/${reference}`);
    if (status === 200) return body;
    expect([reference, status]).toEqual([reference, 404]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing is known of ${reference}`);
}

/** A code for the person who is signed in. */
export async function codeFor(house: RefusedHouse, party: Party, proof: Pkce, change: Change = {}): Promise<string> {
  const asked = parametersOf(house.server, party, { prompt: 'none', ...change }, proof);
  return codeOf(await house.browser.open(`${house.server.issuer}/authorize?${asked}`));
}

export async function refreshTokenFor(house: RefusedHouse, party: Party): Promise<string> {
  const proof = pkce();
  const code = await codeFor(house, party, proof, { scope: 'openid profile offline_access' });
  const { body } = await redeem(house.server, party, code, proof);
  if (!body.refresh_token) throw new Error(`no refresh token: ${JSON.stringify(body)}`);
  return body.refresh_token;
}

interface Signing {
  header?: Partial<JWTHeaderParameters>;
  key?: DpopKey;
}

/** RFC 7523 §3, RFC 9101 §4: claims of undefined are left out. */
export async function signed(
  house: RefusedHouse,
  { clientId }: Party,
  claims: Record<string, unknown>,
  { header, key = house.key }: Signing = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: clientId, aud: house.server.issuer, iat: now, exp: now + 60, jti: crypto.randomUUID(), ...claims };
  const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return new SignJWT(said).setProtectedHeader({ alg: 'ES256', ...header }).sign(key.privateKey);
}

export const anotherKey = async (alg: string): Promise<DpopKey> =>
  ({ privateKey: (await generateKeyPair(alg, { extractable: true })).privateKey }) as DpopKey;

/** RFC 7523 §2.2. */
export const byAssertion = (client_assertion: string) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion,
});
