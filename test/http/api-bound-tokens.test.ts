import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JWTPayload } from 'jose';
import * as client from 'openid-client';
import { sha256 } from '../../src/platform/crypto.js';
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
    return { status: response.status, error: /error="(\w+)"/.exec(challenge ?? '')?.[1], challenge };
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
