import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, type JWTPayload, SignJWT } from 'jose';
import { Browser } from '../../support/browser.js';
import {
  athOf,
  type Claims,
  codeFor,
  type FapiParty,
  jwt,
  makeFapiParty,
  nowSeconds,
  proofClaims,
  push,
  requestOf,
  send,
  userinfo,
} from '../../support/fapi.js';
import { makePerson, pkce } from '../../support/party.js';
import { dpopKey, proofOf } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';

describe('demonstrating proof of possession (RFC 9449)', () => {
  let server: TestServer;
  let party: FapiParty;
  let careful: FapiParty;
  let email: string;
  const browser = new Browser();
  const ordinary = { profile: undefined, dpop_bound_access_tokens: true };

  beforeAll(async () => {
    server = await startServer();
    party = await makeFapiParty(server, ordinary);
    careful = await makeFapiParty(server, { ...ordinary, dpop_nonce_required: true });
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const proof = (claims: Claims = {}, header: Claims = {}, key = party.dpop) =>
    jwt(
      { ...proofClaims(server, '/token'), ...claims },
      { alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk, ...header },
      key.privateKey,
    );

  describe('a proof (§4.3)', () => {
    it.each<[string, () => Promise<string>]>([
      ['of another type', () => proof({}, { typ: 'JWT' })],
      ['without a key', () => proof({}, { jwk: undefined })],
      ['with a private key in it', async () => proof({}, { jwk: await exportJWK(party.dpop.privateKey) })],
      ['signed by another key than it shows', async () => proof({}, { jwk: (await dpopKey()).jwk })],
      ['of alg none', () => jwt(proofClaims(server, '/token'), { typ: 'dpop+jwt', jwk: party.dpop.jwk })],
      [
        'made with a secret',
        () =>
          new SignJWT(proofClaims(server, '/token') as JWTPayload)
            .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk: party.dpop.jwk })
            .sign(new Uint8Array(32)),
      ],
      ['without jti', () => proof({ jti: undefined })],
      ['without iat', () => proof({ iat: undefined })],
      ['without htm', () => proof({ htm: undefined })],
      ['without htu', () => proof({ htu: undefined })],
      ['for another method', () => proof({ htm: 'GET' })],
      ['for another endpoint', () => proof({ htu: `${server.issuer}/userinfo` })],
      ['for another issuer', () => proof({ htu: 'https://elsewhere.example/token' })],
      ['which is no JWT', async () => 'no-proof'],
    ])('is refused %s, and the code is not burnt', async (_name, make) => {
      const { form } = await codeFor(server, party, email, browser);
      const { status, body } = await send(server, party, '/token', form, { proof: await make() });
      expect([status, body.error]).toEqual([400, 'invalid_dpop_proof']);
      expect((await send(server, party, '/token', form)).body.token_type).toBe('DPoP');
    });

    it('may name the endpoint with a query and a fragment, which are ignored (§4.3 no. 9)', async () => {
      const { form } = await codeFor(server, party, email, browser);
      const made = await proof({ htu: `${server.issuer}/token?x=1#y` });
      expect((await send(server, party, '/token', form, { proof: made })).status).toBe(200);
    });
  });

  it('binds a token to the key, which introspection tells (§5, §6.2)', async () => {
    const { form } = await codeFor(server, party, email, browser);
    const { body } = await send(server, party, '/token', form);
    const { body: known } = await send(
      server,
      party,
      '/introspect',
      { token: String(body.access_token) },
      { proof: null },
    );
    expect(known).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: party.dpop.jkt } });
  });

  it('is remembered for as long as it is good, also that of a clock which is fast (§11.1)', async () => {
    const iat = nowSeconds() + 290;
    const { form } = await codeFor(server, party, email, browser);
    expect((await send(server, party, '/token', form, { proof: await proof({ iat }) })).status).toBe(200);
    const rows = await server.inside(({ db }) =>
      db.manager.query('SELECT 1 FROM replays WHERE expires_at >= to_timestamp($1)', [iat + 300]),
    );
    expect(rows).not.toEqual([]);
  });

  it('gives no token without a proof to a client that is bound to them (§5.2)', async () => {
    const { form } = await codeFor(server, party, email, browser);
    expect((await send(server, party, '/token', form, { proof: null })).body.error).toBe('invalid_grant');
  });

  describe('a nonce that the server provides (§8)', () => {
    it('is asked for, and given with the refusal, of a client that must have one', async () => {
      const { form } = await codeFor(server, careful, email, browser);
      const first = await send(server, careful, '/token', form);
      expect([first.status, first.body.error]).toEqual([400, 'use_dpop_nonce']);
      const nonce = String(first.headers.get('dpop-nonce'));
      const second = await send(server, careful, '/token', form, { proof: await proof({ nonce }, {}, careful.dpop) });
      expect([second.status, second.body.token_type]).toEqual([200, 'DPoP']);
    });

    it('is not whatever the client makes up (§8)', async () => {
      const { form } = await codeFor(server, careful, email, browser);
      const made = await proof({ nonce: randomUUID() }, {}, careful.dpop);
      const answer = await send(server, careful, '/token', form, { proof: made });
      expect([answer.body.error, Boolean(answer.headers.get('dpop-nonce'))]).toEqual(['use_dpop_nonce', true]);
    });

    it('is asked for where the proof is too old (§11.1)', async () => {
      const { form } = await codeFor(server, party, email, browser);
      const old = await send(server, party, '/token', form, { proof: await proof({ iat: nowSeconds() - 3600 }) });
      expect([old.body.error, Boolean(old.headers.get('dpop-nonce'))]).toEqual(['use_dpop_nonce', true]);
    });

    it('is asked for at /par as well (§8, §10.1)', async () => {
      const parameters = requestOf(careful, pkce());
      const first = await send(server, careful, '/par', parameters);
      expect([first.status, first.body.error]).toEqual([400, 'use_dpop_nonce']);
      const claims = { ...proofClaims(server, '/par'), nonce: String(first.headers.get('dpop-nonce')) };
      const made = await proof(claims, {}, careful.dpop);
      expect((await send(server, careful, '/par', parameters, { proof: made })).status).toBe(201);
    });

    it('is asked of everybody, at /userinfo too, where the tenant says so (§9)', async () => {
      const { form } = await codeFor(server, party, email, browser);
      const token = String((await send(server, party, '/token', form)).body.access_token);
      const change = (dpop_nonce_required: boolean) =>
        server.inside(async ({ tenants }) =>
          tenants.update(await tenants.current(), { settings: { protocol: { dpop_nonce_required } } } as never),
        );
      const shown = () => proofOf(party.dpop, { htm: 'GET', htu: `${server.issuer}/userinfo`, ath: athOf(token) });
      await change(true);
      try {
        expect(await userinfo(server, token, await shown())).toEqual({ status: 401, error: 'use_dpop_nonce' });
      } finally {
        await change(false);
      }
      expect((await userinfo(server, token, await shown())).status).toBe(200);
    });
  });

  describe('a code that is bound to a key (§10)', () => {
    it('is redeemed by that key alone', async () => {
      const { form } = await codeFor(server, party, email, browser, { dpop_jkt: party.dpop.jkt });
      const foreign = await proof({}, {}, await dpopKey());
      expect((await send(server, party, '/token', form, { proof: foreign })).body.error).toBe('invalid_grant');
      expect((await send(server, party, '/token', form)).status).toBe(200);
    });

    it('is bound to the key of the proof that it was pushed with (§10.1)', async () => {
      const parameters = requestOf(party, pkce());
      const other = { ...parameters, dpop_jkt: (await dpopKey()).jkt };
      expect((await send(server, party, '/par', other)).body.error).toBe('invalid_request');
      expect((await send(server, party, '/par', parameters)).status).toBe(201);
      expect((await push(server, party, pkce(), { dpop_jkt: party.dpop.jkt })).status).toBe(201);
    });
  });
});
