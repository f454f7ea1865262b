// One flow of a client of the profile, and every way in which one field of it is another: each is refused with the error of its specification, and burns
// nothing for whoever does it right.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import { Browser } from '../../support/browser.js';
import {
  assertionClaims,
  athOf,
  type Claims,
  codeFor,
  type FapiParty,
  jwt,
  makeFapiParty,
  nowSeconds,
  proofClaims,
  type Sent,
  send,
  userinfo,
} from '../../support/fapi.js';
import { makePerson, pkce } from '../../support/party.js';
import { assertionOf, dpopKey, proofOf } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';

let server: TestServer;
let party: FapiParty;
let other: FapiParty;
let email: string;
const browser = new Browser();

beforeAll(async () => {
  server = await startServer();
  party = await makeFapiParty(server);
  other = await makeFapiParty(server);
  ({ email } = await makePerson(server));
}, 180_000);
afterAll(() => server?.close());

const header = (more: Claims = {}) => ({ alg: 'ES256', typ: 'dpop+jwt', jwk: party.dpop.jwk, ...more });
const assertion = (claims: Claims, alg = 'ES256') =>
  jwt({ ...assertionClaims(server, party), ...claims }, { alg }, alg === 'RS256' ? party.rsa : party.key.privateKey);
const proof = (claims: Claims, more: Claims = {}) =>
  jwt({ ...proofClaims(server, '/token'), ...claims }, header(more), party.dpop.privateKey);

describe('a code', () => {
  const cases: [string, string, () => Promise<Sent & { form?: Record<string, string> }>][] = [
    [
      'an assertion of alg none (§5.4.1)',
      'invalid_client',
      async () => ({ assertion: await jwt(assertionClaims(server, party), {}) }),
    ],
    ['an assertion of alg RS256 (§5.4.1)', 'invalid_client', async () => ({ assertion: await assertion({}, 'RS256') })],
    [
      'an assertion with the issuer in an array (§5.3.2.1 no. 8)',
      'invalid_client',
      async () => ({ assertion: await assertion({ aud: [server.issuer] }) }),
    ],
    [
      'an assertion for the token endpoint (§5.3.2.1 no. 8)',
      'invalid_client',
      async () => ({ assertion: await assertion({ aud: `${server.issuer}/token` }) }),
    ],
    [
      'an assertion 61 seconds ahead (§5.3.2.1 no. 13)',
      'invalid_client',
      async () => ({ assertion: await assertion({ iat: nowSeconds() + 65, exp: nowSeconds() + 120 }) }),
    ],
    [
      'an assertion whose nbf is 61 seconds ahead (§5.3.2.1 no. 13)',
      'invalid_client',
      async () => ({ assertion: await assertion({ nbf: nowSeconds() + 65, exp: nowSeconds() + 120 }) }),
    ],
    [
      'an assertion of another client',
      'invalid_grant',
      async () => ({ assertion: await assertionOf(other.key, other.clientId, server.issuer) }),
    ],
    ['no proof (RFC 9449 §5)', 'invalid_grant', async () => ({ proof: null })],
    [
      'a proof of alg none (§5.4.1)',
      'invalid_dpop_proof',
      async () => ({ proof: await jwt(proofClaims(server, '/token'), header()) }),
    ],
    ['a proof of alg RS256 (§5.4.1)', 'invalid_dpop_proof', async () => ({ proof: await rsaProof() })],
    [
      'a proof with another htu (RFC 9449 §4.3)',
      'invalid_dpop_proof',
      async () => ({ proof: await proof({ htu: `${server.issuer}/par` }) }),
    ],
    [
      'a proof with another htm (RFC 9449 §4.3)',
      'invalid_dpop_proof',
      async () => ({ proof: await proof({ htm: 'GET' }) }),
    ],
    [
      'a proof of an hour ago (RFC 9449 §11.1)',
      'use_dpop_nonce',
      async () => ({ proof: await proof({ iat: nowSeconds() - 3600 }) }),
    ],
    [
      'a proof 61 seconds ahead (§5.3.2.1 no. 13)',
      'invalid_dpop_proof',
      async () => ({ proof: await proof({ iat: nowSeconds() + 65 }) }),
    ],
    ['another verifier (RFC 7636 §4.6)', 'invalid_grant', async () => ({ form: { code_verifier: pkce().verifier } })],
  ];
  it.each(cases)('is neither redeemed nor burnt by %s (FAPI 2.0 §5.3.2.1, §5.4.1)', async (_name, error, attack) => {
    const { form } = await codeFor(server, party, email, browser);
    const { form: instead, ...sent } = await attack();
    const { status, body } = await send(server, party, '/token', { ...form, ...instead }, sent);
    expect([status, body.error]).toEqual([error === 'invalid_client' ? 401 : 400, error]);
    expect((await send(server, party, '/token', form)).status).toBe(200);
  });

  async function rsaProof(): Promise<string> {
    const pair = await generateKeyPair('RS256', { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    return jwt(proofClaims(server, '/token'), { alg: 'RS256', typ: 'dpop+jwt', jwk }, pair.privateKey);
  }

  it('is neither redeemed nor burnt by a proof or an assertion that was shown before (RFC 9449 §11.1, RFC 7523 §3)', async () => {
    const [first, second] = [
      await codeFor(server, party, email, browser),
      await codeFor(server, party, email, browser),
    ];
    const sent = { proof: await proof({}), assertion: await assertion({}) };
    expect((await send(server, party, '/token', first.form, sent)).status).toBe(200);
    const again = async (what: Sent) => (await send(server, party, '/token', second.form, what)).body.error;
    expect(await again({ proof: sent.proof })).toBe('invalid_dpop_proof');
    expect(await again({ assertion: sent.assertion })).toBe('invalid_client');
    expect((await send(server, party, '/token', second.form)).status).toBe(200);
  });

  it('is neither redeemed nor burnt by another key than the one it was asked for with (§5.3.2.1 no. 12, RFC 9449 §10)', async () => {
    const { form } = await codeFor(server, party, email, browser, { dpop_jkt: party.dpop.jkt });
    const foreign = await proofOf(await dpopKey(), { htm: 'POST', htu: `${server.issuer}/token` });
    expect((await send(server, party, '/token', form, { proof: foreign })).body.error).toBe('invalid_grant');
    expect((await send(server, party, '/token', form)).status).toBe(200);
  });

  it('is redeemed by an assertion and a proof that have one jti: each counts for itself (RFC 7523 §3, RFC 9449 §4.2)', async () => {
    const { form } = await codeFor(server, party, email, browser);
    const jti = 'the-same-in-both';
    const sent = { proof: await proof({ jti }), assertion: await assertion({ jti }) };
    expect((await send(server, party, '/token', form, sent)).status).toBe(200);
  });
});

describe('a token', () => {
  const tokens = async () => {
    const { form } = await codeFor(server, party, email, browser);
    const { body } = await send(server, party, '/token', form);
    return { access: String(body.access_token), refresh: String(body.refresh_token) };
  };
  const shown = (token: string, key = party.dpop, claims: Record<string, string> = { ath: athOf(token) }) =>
    proofOf(key, { htm: 'GET', htu: `${server.issuer}/userinfo`, ...claims });

  it('opens nothing without the hash of itself in the proof, by another key, or as a bearer token (RFC 9449 §7)', async () => {
    const { access } = await tokens();
    expect(await userinfo(server, access, await shown(access, party.dpop, {}))).toEqual({
      status: 401,
      error: 'invalid_dpop_proof',
    });
    expect(await userinfo(server, access, await shown(access, party.dpop, { ath: athOf('x') }))).toMatchObject({
      error: 'invalid_dpop_proof',
    });
    expect(await userinfo(server, access, await shown(access, await dpopKey()))).toEqual({
      status: 401,
      error: 'invalid_token',
    });
    expect((await userinfo(server, access, undefined)).status).toBe(401);
    const good = await shown(access);
    expect((await userinfo(server, access, good)).status).toBe(200);
    expect(await userinfo(server, access, good)).toEqual({ status: 401, error: 'invalid_dpop_proof' });
  });

  it('is refreshed by the key it was given to, and by no other (RFC 9449 §5)', async () => {
    const { refresh } = await tokens();
    const form = { grant_type: 'refresh_token', refresh_token: refresh };
    const foreign = await proofOf(await dpopKey(), { htm: 'POST', htu: `${server.issuer}/token` });
    for (const proof of [foreign, null])
      expect((await send(server, party, '/token', form, { proof })).body.error).toBe('invalid_grant');
    expect((await send(server, other, '/token', form)).body.error).toBe('invalid_grant');
    expect((await send(server, party, '/token', form)).status).toBe(200);
  });
});
