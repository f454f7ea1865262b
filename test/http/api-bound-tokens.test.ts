import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, importJWK, type JWTPayload, SignJWT } from 'jose';
import * as client from 'openid-client';
import { sha256 } from '../../src/platform/crypto.js';
import { makeFapiParty, nowSeconds, send } from '../support/fapi.js';
import { makeClient, type Party, post } from '../support/party.js';
import { type DpopKey, dpopKey, proofOf } from '../support/proofs.js';
import { startServer, type TestServer } from '../support/server.js';
import { basic } from '../support/shown.js';

describe('the management API takes tokens that are bound to a key (RFC 9449 §7)', () => {
  let server: TestServer;
  let machine: Party;
  let key: DpopKey;
  let token: string;
  let address: string;

  beforeAll(async () => {
    server = await startServer();
    machine = await makeClient(server, {
      grant_types: ['client_credentials'],
      redirect_uris: [],
      scope: 'users:read',
    });
    key = await dpopKey();
    token = await bound(key);
    address = `${server.issuer}/api/v1/users`;
  }, 180_000);
  afterAll(() => server?.close());

  const form = () => ({ grant_type: 'client_credentials', resource: `${server.issuer}/api`, scope: 'users:read' });

  async function bound(to: DpopKey): Promise<string> {
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers: { ...basic(machine), dpop: await proofOf(to, { htm: 'POST', htu: `${server.issuer}/token` }) },
      body: new URLSearchParams(form()),
    });
    const { access_token, token_type } = (await response.json()) as Record<string, string>;
    expect(token_type).toBe('DPoP');
    return String(access_token);
  }

  const unbound = async () => String((await post(server, '/token', machine, form())).body.access_token);
  const proof = (claims: JWTPayload = {}, by = key) =>
    proofOf(by, { htm: 'GET', htu: address, ath: sha256(token), ...claims });

  async function ask(authorization: string, dpop?: string) {
    const response = await fetch(address, { headers: { authorization, ...(dpop ? { dpop } : {}) } });
    const challenge = response.headers.get('www-authenticate');
    const nonce = response.headers.get('dpop-nonce');
    return { status: response.status, error: /error="(\w+)"/.exec(challenge ?? '')?.[1], challenge, nonce };
  }

  it('answers whoever proves that they hold the key (§7.1)', async () => {
    expect((await ask(`DPoP ${token}`, await proof())).status).toBe(200);
    // RFC 9110 §11.1: the name of a scheme is written in any case.
    expect((await ask(`dpop ${token}`, await proof())).status).toBe(200);
  });

  it('refuses it as a bearer token, with a proof or without (§7.2)', async () => {
    for (const dpop of [undefined, await proof()])
      expect(await ask(`Bearer ${token}`, dpop)).toMatchObject({ status: 401, error: 'invalid_token' });
  });

  it('refuses a token that is bound to nothing as DPoP (§7.1)', async () => {
    const plain = await unbound();
    const other = await proof({ ath: sha256(plain) });
    expect(await ask(`DPoP ${plain}`, other)).toMatchObject({ status: 401, error: 'invalid_token' });
    expect((await ask(`Bearer ${plain}`)).status).toBe(200);
  });

  it('refuses another key (§7.1)', async () => {
    const foreign = await dpopKey();
    expect(await ask(`DPoP ${token}`, await proof({}, foreign))).toMatchObject({ status: 401, error: 'invalid_token' });
  });

  it('takes a proof once (§11.1)', async () => {
    const once = await proof();
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`DPoP ${token}`, once)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ error }) => error))).toEqual(
      new Set(['invalid_dpop_proof']),
    );
  });

  it('spends no proof on a token that is refused', async () => {
    const once = await proof();
    await server.inside(async ({ clients }) => clients.disable(await clients.find(machine.clientId)));
    expect(await ask(`DPoP ${token}`, once)).toMatchObject({ status: 401, error: 'invalid_token' });
    await server.inside(async ({ clients }) => clients.enable(await clients.find(machine.clientId)));
    expect((await ask(`DPoP ${token}`, once)).status).toBe(200);
  });

  it.each<[string, JWTPayload]>([
    ['another method', { htm: 'POST' }],
    ['another address', { htu: 'https://elsewhere.example/api/v1/users' }],
    ['another token', { ath: sha256('another') }],
    ['no token', { ath: undefined }],
    ['a time that has passed', { iat: 1 }],
  ])('answers a proof for %s with invalid_dpop_proof and what it would take (§4.3, §7.1)', async (_what, claims) => {
    const { status, error, challenge } = await ask(`DPoP ${token}`, await proof(claims));
    expect([status, error]).toEqual([401, 'invalid_dpop_proof']);
    expect(challenge).toMatch(/^DPoP realm=.*algs="ES256 PS256 RS256 EdDSA Ed25519"$/);
  });

  describe('a nonce that the server provides (§9)', () => {
    const withNonce = async (nonce?: string) => ask(`DPoP ${token}`, await proof(nonce === undefined ? {} : { nonce }));
    const require = (dpop_nonce_required: boolean) =>
      server.inside(async ({ tenants }) =>
        tenants.update(await tenants.current(), { settings: { protocol: { dpop_nonce_required } } } as never),
      );

    it('is asked for, and given with the refusal, where the tenant says so', async () => {
      await require(true);
      try {
        const first = await withNonce();
        expect(first).toMatchObject({ status: 401, error: 'use_dpop_nonce', nonce: expect.any(String) });
        expect((await withNonce(String(first.nonce))).status).toBe(200);
        expect(await withNonce('of-nobody')).toMatchObject({ status: 401, error: 'use_dpop_nonce' });
      } finally {
        await require(false);
      }
      expect((await withNonce()).status).toBe(200);
    });

    it('is asked of a client that must have one, and is one with that of the token endpoint (§8)', async () => {
      const careful = await makeClient(server, {
        grant_types: ['client_credentials'],
        redirect_uris: [],
        scope: 'users:read',
        dpop_nonce_required: true,
      });
      const at = async (nonce?: string) => {
        const claims = { htm: 'POST', htu: `${server.issuer}/token`, ...(nonce === undefined ? {} : { nonce }) };
        const headers = { ...basic(careful), dpop: await proofOf(key, claims) };
        const response = await fetch(`${server.issuer}/token`, {
          method: 'POST',
          headers,
          body: new URLSearchParams(form()),
        });
        return { body: (await response.json()) as Record<string, string>, nonce: response.headers.get('dpop-nonce') };
      };
      const { nonce: given } = await at();
      const { body } = await at(String(given));
      const shown = async (claims: JWTPayload) =>
        ask(`DPoP ${body.access_token}`, await proof({ ath: sha256(String(body.access_token)), ...claims }));
      const refused = await shown({});
      expect(refused).toMatchObject({ status: 401, error: 'use_dpop_nonce' });
      for (const nonce of [given, refused.nonce]) expect((await shown({ nonce: String(nonce) })).status).toBe(200);
      expect((await at(String(refused.nonce))).body.token_type).toBe('DPoP');
    });
  });

  it('refuses a proof that the profile of the client forbids (FAPI 2.0 §5.3.2.1 no. 13, §5.4.1)', async () => {
    const party = await makeFapiParty(server, {
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: 'users:read',
    });
    const pair = await generateKeyPair('PS256', { extractable: true });
    const [jwk, own] = [await exportJWK(pair.publicKey), await exportJWK(pair.privateKey)];
    const made = async (alg: string, claims: object) =>
      new SignJWT({ jti: randomUUID(), iat: nowSeconds(), ...claims })
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk })
        .sign(await importJWK(own, alg));
    const given = await made('PS256', { htm: 'POST', htu: `${server.issuer}/token` });
    const { access_token } = (await send(server, party, '/token', form(), { proof: given })).body;
    const shown = async (alg: string, claims: object = {}) =>
      ask(
        `DPoP ${access_token}`,
        await made(alg, { htm: 'GET', htu: address, ath: sha256(String(access_token)), ...claims }),
      );
    expect((await shown('PS256')).status).toBe(200);
    for (const answer of [await shown('RS256'), await shown('PS256', { iat: nowSeconds() + 200 })])
      expect(answer).toMatchObject({ status: 401, error: 'invalid_dpop_proof' });
  });

  it('is used by openid-client as it is', async () => {
    const configuration = await client.discovery(
      new URL(server.issuer),
      machine.clientId,
      undefined,
      client.ClientSecretBasic(machine.clientSecret),
      { execute: [client.allowInsecureRequests] },
    );
    const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair('ES256'));
    const { grant_type: _, ...parameters } = form();
    const tokens = await client.clientCredentialsGrant(configuration, parameters, { DPoP });
    const answer = await client.fetchProtectedResource(
      configuration,
      tokens.access_token,
      new URL(address),
      'GET',
      undefined,
      undefined,
      { DPoP },
    );
    expect(answer.status).toBe(200);
  });
});
