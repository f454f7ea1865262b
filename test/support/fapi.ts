// A client of the FAPI 2.0 profile, by hand: each thing that it signs or sends can be another one.
import { createHash, randomUUID } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Browser, type Page } from './browser.js';
import { codeOf, makeClient, type Pkce, pkce, signIn, type TokenAnswer } from './party.js';
import { assertionOf, type DpopKey, dpopKey, proofOf } from './proofs.js';
import type { TestServer } from './server.js';

export interface FapiParty {
  clientId: string;
  redirectUri: string;
  /** What it authenticates and signs requests with; `rsa` is registered too, and no profile allows RS256. */
  key: DpopKey;
  rsa: CryptoKey;
  dpop: DpopKey;
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** Registered by an administrator; nobody is asked for consent. */
export async function makeFapiParty(server: TestServer, more: Record<string, unknown> = {}): Promise<FapiParty> {
  const [key, dpop, rsa] = [await dpopKey(), await dpopKey(), await generateKeyPair('RS256', { extractable: true })];
  const { clientId, redirectUri } = await makeClient(server, {
    profile: 'fapi2',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key.jwk, await exportJWK(rsa.publicKey)] },
    consent_policy: 'implicit',
    ...more,
  });
  return { clientId, redirectUri, key, rsa: rsa.privateKey, dpop };
}

export type Claims = Record<string, unknown>;

/** Signed with whatever key, or with none: then it says `alg: none`. */
export async function jwt(claims: Claims, header: Claims, key?: CryptoKey): Promise<string> {
  if (key) return new SignJWT(claims as JWTPayload).setProtectedHeader(header as { alg: string }).sign(key);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ ...header, alg: 'none' })}.${part(claims)}.`;
}

/** RFC 7523 §3. */
export const assertionClaims = (server: TestServer, { clientId }: FapiParty): Claims => ({
  iss: clientId,
  sub: clientId,
  aud: server.issuer,
  jti: randomUUID(),
  iat: nowSeconds(),
  exp: nowSeconds() + 60,
});

/** RFC 9449 §4.2. */
export const proofClaims = (server: TestServer, path: string): Claims => ({
  jti: randomUUID(),
  htm: 'POST',
  htu: `${server.issuer}${path}`,
  iat: nowSeconds(),
});

export interface Sent {
  assertion?: string;
  /** null: none. */
  proof?: string | null;
}

/** Any endpoint that takes a form, authenticated and with a proof, unless it is said otherwise. */
export async function send(
  server: TestServer,
  party: FapiParty,
  path: string,
  form: Record<string, string>,
  { assertion, proof }: Sent = {},
): Promise<TokenAnswer> {
  const dpop = proof === undefined ? await proofOf(party.dpop, { htm: 'POST', htu: `${server.issuer}${path}` }) : proof;
  const response = await fetch(`${server.issuer}${path}`, {
    method: 'POST',
    headers: dpop === null ? {} : { dpop },
    body: new URLSearchParams({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion ?? (await assertionOf(party.key, party.clientId, server.issuer)),
      ...form,
    }),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {}, headers: response.headers };
}

export const requestOf = (party: FapiParty, { challenge }: Pkce): Record<string, string> => ({
  client_id: party.clientId,
  response_type: 'code',
  redirect_uri: party.redirectUri,
  scope: 'openid offline_access',
  state: 'the-state',
  nonce: 'the-nonce',
  code_challenge: challenge,
  code_challenge_method: 'S256',
});

/** RFC 9101 §4. */
export const requestObjectClaims = (server: TestServer, party: FapiParty, proof = pkce()): Claims => ({
  ...requestOf(party, proof),
  iss: party.clientId,
  aud: server.issuer,
  iat: nowSeconds(),
  nbf: nowSeconds(),
  exp: nowSeconds() + 300,
});

export const push = (server: TestServer, party: FapiParty, proof: Pkce, more: Record<string, string> = {}) =>
  send(server, party, '/par', { ...requestOf(party, proof), ...more }, { proof: null });

export const addressOf = (server: TestServer, party: FapiParty, requestUri: string): string =>
  `${server.issuer}/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri: requestUri })}`;

/** @returns where the browser ended with a pushed request. */
export async function answered(
  server: TestServer,
  party: FapiParty,
  browser: Browser,
  email: string,
  more: Record<string, string> = {},
): Promise<{ page: Page; proof: Pkce; requestUri: string }> {
  const proof = pkce();
  const { body } = await push(server, party, proof, more);
  const requestUri = String(body.request_uri);
  return { page: await signIn(browser, addressOf(server, party, requestUri), email), proof, requestUri };
}

interface Given {
  form: Record<string, string>;
  requestUri: string;
}

/** A code, and the form that redeems it. */
export async function codeFor(
  server: TestServer,
  party: FapiParty,
  email: string,
  browser = new Browser(),
  more: Record<string, string> = {},
): Promise<Given> {
  const { page, proof, requestUri } = await answered(server, party, browser, email, more);
  const form = {
    grant_type: 'authorization_code',
    code: codeOf(page),
    redirect_uri: party.redirectUri,
    code_verifier: proof.verifier,
  };
  return { form, requestUri };
}

export const athOf = (token: string): string => createHash('sha256').update(token).digest('base64url');

export async function userinfo(
  server: TestServer,
  token: string,
  proof: string | undefined,
): Promise<{ status: number; error: string | undefined }> {
  const headers = { authorization: `${proof ? 'DPoP' : 'Bearer'} ${token}`, ...(proof ? { dpop: proof } : {}) };
  const response = await fetch(`${server.issuer}/userinfo`, { headers });
  const error = /error="([^"]+)"/.exec(response.headers.get('www-authenticate') ?? '')?.[1];
  return { status: response.status, error };
}
