import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { makeClient, makePerson, type Party, post } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const hour = 3600;
const now = () => Math.floor(Date.now() / 1000);

describe('signed authentication requests (OpenID Connect CIBA §7.1.1)', () => {
  let server: TestServer;
  let bank: Party;
  let email: string;
  let key: Awaited<ReturnType<typeof generateKeyPair>>;

  beforeAll(async () => {
    server = await startServer();
    key = await generateKeyPair('ES256');
    bank = await makeSigner();
    ({ email } = await makePerson(server));
  }, 180_000);
  afterAll(() => server?.close());

  const makeSigner = async () =>
    makeClient(server, {
      redirect_uris: [],
      response_types: [],
      grant_types: ['urn:openid:params:grant-type:ciba'],
      backchannel_token_delivery_mode: 'poll',
      backchannel_authentication_request_signing_alg: 'ES256',
      jwks: { keys: [{ ...(await exportJWK(key.publicKey)), alg: 'ES256', use: 'sig' }] },
    });
  const signed = (claims: Record<string, unknown> = {}, party = bank, { privateKey } = key) =>
    new SignJWT({
      iss: party.clientId,
      aud: server.issuer,
      iat: now(),
      nbf: now(),
      exp: now() + 300,
      jti: crypto.randomUUID(),
      scope: 'openid',
      login_hint: email,
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey);
  const ask = async (request: string, party = bank) => {
    const { status, body } = await post(server, '/backchannel', party, { request });
    return [status, body.error ?? 'asked'];
  };

  it('are taken once, of twenty at the same moment one', async () => {
    const request = await signed();
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(request)));
    expect(answers.filter(([status]) => status === 200)).toHaveLength(1);
    for (const [status, error] of answers)
      if (status !== 200) expect([status, error]).toEqual([400, 'invalid_request']);
    expect(await ask(request)).toEqual([400, 'invalid_request']);
    expect(await ask(await signed())).toEqual([200, 'asked']);
  });

  it('of another client count apart, and what nobody has signed spends nothing', async () => {
    const jti = crypto.randomUUID();
    const other = await makeSigner();
    const stranger = await generateKeyPair('ES256');
    expect(await ask(await signed({ jti }, bank, stranger))).toEqual([400, 'invalid_request']);
    expect(await ask(await signed({ jti }, other), other)).toEqual([200, 'asked']);
    expect(await ask(await signed({ jti }))).toEqual([200, 'asked']);
  });

  it.each(['iss', 'aud', 'exp', 'iat', 'nbf', 'jti'])('are refused without %s', async (claim) => {
    expect(await ask(await signed({ [claim]: undefined }))).toEqual([400, 'invalid_request']);
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['a jti that is no text', () => ({ jti: 1 })],
    ['an empty jti', () => ({ jti: '' })],
    ['a life of more than an hour', () => ({ exp: now() + 2 * hour })],
    ['an end that is past', () => ({ exp: now() - hour })],
    ['a beginning that is to come', () => ({ nbf: now() + 1800, exp: now() + 2000 })],
  ])('are refused with %s', async (_name, claims) => {
    expect(await ask(await signed(claims()))).toEqual([400, 'invalid_request']);
  });

  it('are the only way to ask where the client has registered an algorithm (§4)', async () => {
    const { body } = await post(server, '/backchannel', bank, { scope: 'openid', login_hint: email });
    expect(body.error).toBe('invalid_request');
  });
});
