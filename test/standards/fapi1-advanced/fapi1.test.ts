import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Browser } from '../../support/browser.js';
import {
  type Claims,
  type FapiParty,
  jwt,
  makeFapiParty,
  nowSeconds,
  requestObjectClaims,
  requestOf,
  send,
} from '../../support/fapi.js';
import { makePerson, pkce, signIn } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('requirements for authorization servers (FAPI 1.0 Part 2 §5.2.2)', () => {
  let server: TestServer;
  let party: FapiParty;
  let email: string;
  const browser = new Browser();

  beforeAll(async () => {
    server = await startServer();
    party = await makeFapiParty(server, { profile: 'fapi1_advanced' });
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const request = (claims: Claims = {}, alg = 'ES256', proof = pkce()) =>
    jwt(
      { ...requestObjectClaims(server, party, proof), response_mode: 'jwt', ...claims },
      { alg },
      alg === 'RS256' ? party.rsa : party.key.privateKey,
    );
  const addressOf = (signed: string) =>
    `${server.issuer}/authorize?${new URLSearchParams({ client_id: party.clientId, request: signed })}`;
  const push = async (signed: string) => send(server, party, '/par', { request: signed }, { proof: null });

  it('answers a signed request with a signed response, and gives a token that is bound (no. 1, 2, 5)', async () => {
    const proof = pkce();
    const page = await signIn(browser, addressOf(await request({}, 'ES256', proof)), email);
    const { searchParams } = new URL(page.url);
    expect([...searchParams.keys()]).toEqual(['response']);
    const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
    const { payload, protectedHeader } = await jwtVerify(String(searchParams.get('response')), keys, {
      issuer: server.issuer,
      audience: party.clientId,
    });
    expect(['PS256', 'ES256']).toContain(protectedHeader.alg);
    const form = {
      grant_type: 'authorization_code',
      code: String(payload.code),
      redirect_uri: party.redirectUri,
      code_verifier: proof.verifier,
    };
    expect((await send(server, party, '/token', form)).body.token_type).toBe('DPoP');
  });

  it.each<[string, () => Promise<string>, string]>([
    ['without nbf (no. 17)', () => request({ nbf: undefined }), 'invalid_request_object'],
    ['without exp (no. 13)', () => request({ exp: undefined }), 'invalid_request_object'],
    [
      'which lives longer than 60 minutes (no. 13)',
      () => request({ exp: nowSeconds() + 3700 }),
      'invalid_request_object',
    ],
    [
      'of more than 60 minutes ago (no. 17)',
      () => request({ nbf: nowSeconds() - 3700, exp: nowSeconds() - 110 }),
      'invalid_request_object',
    ],
    ['of alg RS256 (§8.6)', () => request({}, 'RS256'), 'invalid_request_object'],
    [
      'of alg none (§8.6)',
      () => jwt({ ...requestObjectClaims(server, party), response_mode: 'jwt' }, {}),
      'invalid_request_object',
    ],
    ['for another audience (no. 15)', () => request({ aud: 'https://elsewhere.example' }), 'invalid_request_object'],
    ['whose answer would not be signed (no. 2)', () => request({ response_mode: 'query' }), 'invalid_request'],
    ['without a nonce (Part 1 §5.2.2.2)', () => request({ nonce: undefined }), 'invalid_request'],
    [
      'without PKCE, pushed (no. 18)',
      () => request({ code_challenge: undefined, code_challenge_method: undefined }),
      'invalid_request',
    ],
  ])('refuses a request %s', async (_name, make, error) => {
    const { status, body } = await push(await make());
    expect([status, body.error]).toEqual([400, error]);
  });

  it('refuses a request that is not signed (no. 1)', async () => {
    const query = new URLSearchParams({ ...requestOf(party, pkce()), response_mode: 'jwt' });
    const page = await browser.open(`${server.issuer}/authorize?${query}`);
    expect(new URL(page.url).searchParams.get('code')).toBeNull();
    const { status, body } = await send(server, party, '/par', requestOf(party, pkce()), { proof: null });
    expect([status, body.error]).toEqual([400, 'invalid_request']);
  });
});
