import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Browser } from '../../support/browser.js';
import {
  assertionClaims,
  type Claims,
  type FapiParty,
  jwt,
  makeFapiParty,
  nowSeconds,
  requestObjectClaims,
  send,
} from '../../support/fapi.js';
import { codeOf, makePerson, pkce, signIn } from '../../support/party.js';
import { dpopKey } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('request objects (RFC 9101)', () => {
  let server: TestServer;
  let party: FapiParty;
  let strict: FapiParty;
  let email: string;
  const browser = new Browser();

  /** No profile: what holds here holds for everybody. */
  const ordinary = { profile: undefined, require_signed_request_object: true };

  beforeAll(async () => {
    server = await startServer();
    party = await makeFapiParty(server, ordinary);
    strict = await makeFapiParty(server, { require_pushed_authorization_requests: true });
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const signed = (claims: Claims = {}, header: Claims = {}, client = party, proof = pkce()) =>
    jwt(
      { ...requestObjectClaims(server, client, proof), ...claims },
      { alg: 'ES256', ...header },
      client.key.privateKey,
    );
  const push = (request: string, client = party, more: Record<string, string> = {}) =>
    send(server, client, '/par', { request, ...more }, { proof: null });

  it('is the whole request: what stands beside it counts for nothing (§6.3)', async () => {
    const proof = pkce();
    const beside = {
      client_id: party.clientId,
      request: await signed({ state: 'signed' }, {}, party, proof),
      state: 'beside',
      scope: 'openid email',
    };
    const page = await signIn(browser, `${server.issuer}/authorize?${new URLSearchParams(beside)}`, email);
    expect(new URL(page.url).searchParams.get('state')).toBe('signed');
    const form = {
      grant_type: 'authorization_code',
      code: codeOf(page),
      redirect_uri: party.redirectUri,
      code_verifier: proof.verifier,
    };
    expect((await send(server, party, '/token', form)).body.scope).not.toContain('email');
  });

  it.each<[string, Claims, Claims]>([
    ['its own type (§10.8)', {}, { typ: 'oauth-authz-req+jwt' }],
    ['the type with its prefix (§10.8)', {}, { typ: 'application/oauth-authz-req+jwt' }],
    ['JWT as its type', {}, { typ: 'JWT' }],
    ['the issuer among its audiences (§4)', { aud: ['https://elsewhere.example'] }, {}],
  ])('is taken with %s', async (_name, claims, header) => {
    const aud = Array.isArray(claims.aud) ? [...claims.aud, server.issuer] : server.issuer;
    expect((await push(await signed({ ...claims, aud }, header))).status).toBe(201);
  });

  it.each<[string, Claims, Claims]>([
    ['another type (§10.8)', {}, { typ: 'at+jwt' }],
    ['the client as its subject, which would be an assertion too (§10.8)', { sub: 'client' }, {}],
    ['another issuer than the client (§4)', { iss: 'https://elsewhere.example' }, {}],
    ['another audience (§4)', { aud: 'https://elsewhere.example' }, {}],
    ['another client_id (§5)', { client_id: 'somebody-else' }, {}],
    ['a request within it (§4)', { request: 'x.y.z' }, {}],
    ['a request_uri within it (§4)', { request_uri: 'https://rp.example/r' }, {}],
    ['a past end (RFC 7519 §4.1.4)', { exp: nowSeconds() - 300 }, {}],
    ['an end a moment ago, which would be the end of its request_uri (RFC 9126 §2.2)', { exp: nowSeconds() - 1 }, {}],
    ['a future beginning (RFC 7519 §4.1.5)', { nbf: nowSeconds() + 600 }, {}],
  ])('is refused with %s', async (_name, claims, header) => {
    const sub = claims.sub ? { sub: party.clientId } : {};
    const { status, body } = await push(await signed({ ...claims, ...sub }, header));
    expect([status, body.error]).toEqual([400, 'invalid_request_object']);
  });

  it('is refused where its signature is of nobody, of another key, or made with a secret (§6.2)', async () => {
    const claims = requestObjectClaims(server, party);
    const foreign = await dpopKey();
    const { publicKey } = await generateKeyPair('RS256', { extractable: true });
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
    for (const request of [
      await jwt(claims, {}),
      await jwt(claims, { alg: 'ES256' }, foreign.privateKey),
      await jwt(claims, { alg: 'ES256', jwk: foreign.jwk }, foreign.privateKey),
      await new SignJWT(claims as JWTPayload).setProtectedHeader({ alg: 'HS256' }).sign(secret),
    ]) {
      const { status, body } = await push(request);
      expect([status, body.error]).toEqual([400, 'invalid_request_object']);
    }
  });

  it('is no client assertion (§10.8)', async () => {
    const stolen = await signed(
      { ...assertionClaims(server, party), sub: party.clientId },
      { typ: 'oauth-authz-req+jwt' },
    );
    const { status, body } = await send(server, party, '/introspect', { token: 'x' }, { assertion: stolen });
    expect([status, body.error]).toEqual([401, 'invalid_client']);
  });

  it('is required of a client that registered so (§10.5)', async () => {
    const plain = requestObjectClaims(server, party) as Record<string, string>;
    const page = await browser.open(`${server.issuer}/authorize?${new URLSearchParams(plain)}`);
    expect(new URL(page.url).searchParams.get('error')).toBe('invalid_request');
  });

  it('is fetched from nowhere (§10.4)', async () => {
    const query = new URLSearchParams({ client_id: party.clientId, request_uri: 'https://rp.example/request.jwt' });
    const page = await browser.open(`${server.issuer}/authorize?${query}`);
    expect([page.status, new URL(page.url).pathname]).toEqual([400, '/authorize']);
  });

  describe('of a FAPI client (FAPI 2.0 Message Signing §5.3.1)', () => {
    it.each<[string, () => Claims]>([
      ['no nbf', () => ({ nbf: undefined })],
      ['no exp', () => ({ exp: undefined })],
      ['an nbf more than 60 minutes ago', () => ({ nbf: nowSeconds() - 3700, exp: nowSeconds() - 3700 + 3600 + 60 })],
      ['an end more than 60 minutes after nbf', () => ({ exp: nowSeconds() + 3700 })],
      ['an nbf more than 60 seconds ahead', () => ({ nbf: nowSeconds() + 70 })],
    ])('is refused with %s', async (_name, claims) => {
      const { status, body } = await push(await signed(claims(), {}, strict), strict);
      expect([status, body.error]).toEqual([400, 'invalid_request_object']);
    });

    it('is taken pushed, and answered', async () => {
      const { status, body } = await push(await signed({}, { typ: 'oauth-authz-req+jwt' }, strict), strict);
      expect(status).toBe(201);
      const query = new URLSearchParams({ client_id: strict.clientId, request_uri: String(body.request_uri) });
      expect(codeOf(await signIn(browser, `${server.issuer}/authorize?${query}`, email))).toBeTruthy();
    });
  });
});
