import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { back, exchange, makeResources, signed, TOKEN_EXCHANGE } from '../../support/exchanging.js';
import { introspect, makeClient, makePerson, type Party, post } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const partner = 'https://partner.example';

describe('subject tokens of trusted issuers (RFC 8693 §2.1, §3)', () => {
  let server: TestServer;
  let service: Party;
  let person: { id: string };
  let key: CryptoKey;
  let issuerId: string;

  beforeAll(async () => {
    server = await startServer();
    await makeResources(server);
    service = await makeClient(server, {
      grant_types: [TOKEN_EXCHANGE, JWT_BEARER],
      response_types: [],
      redirect_uris: [],
    });
    person = await makePerson(server);
    const pair = await generateKeyPair('ES256', { extractable: true });
    key = pair.privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)) };
    issuerId = await server.inside(async ({ trustedIssuers, externalSubjects, exchangePolicies }) => {
      const issuer = await trustedIssuers.create({
        issuer: partner,
        name: 'Partner',
        jwks: { keys: [jwk] },
        clients: [service.clientId],
        resources: [back, signed],
        scopes: ['read', 'write'],
      } as never);
      await externalSubjects.link(issuer, { subject: 'maria', user_id: person.id });
      await exchangePolicies.create({
        client_id: service.clientId,
        subject_issuers: [issuer.id],
        resources: [back, signed],
      });
      return issuer.id;
    });
  }, 180_000);
  afterAll(() => server?.close());

  const token = (claims: JWTPayload = {}) =>
    new SignJWT({ iss: partner, sub: 'maria', aud: server.issuer, ...claims })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuedAt()
      .setExpirationTime('5 minutes')
      .sign(key);
  const ask = async (value: string, more: Record<string, string> = {}) =>
    exchange(server, service, value, { subject_token_type: JWT, resource: signed, ...more });

  it('are exchanged for tokens of the person that they are linked to, and say who acts (§4.1)', async () => {
    const { status, body } = await ask(await token());
    expect(status).toBe(200);
    expect(decodeJwt(String(body.access_token))).toMatchObject({
      sub: person.id,
      aud: signed,
      scope: 'read write',
      act: { sub: service.clientId, client_id: service.clientId },
    });
    expect(Number(body.expires_in)).toBeLessThanOrEqual(300);
  });

  it('keep the chain of who acted before, with who says so (§4.1)', async () => {
    const { body } = await ask(await token({ act: { sub: 'gateway' } }));
    expect(decodeJwt(String(body.access_token)).act).toEqual({
      sub: service.clientId,
      client_id: service.clientId,
      act: { sub: 'gateway', iss: partner },
    });
  });

  it('narrow what they are good for by their own scope (§4.2)', async () => {
    expect((await ask(await token({ scope: 'read' }))).body.scope).toBe('read');
    expect((await ask(await token({ scope: 'read' }), { scope: 'write' })).body.error).toBe('invalid_scope');
  });

  it('say who may act, and nobody else does (§4.4)', async () => {
    expect((await ask(await token({ may_act: { sub: service.clientId } }))).status).toBe(200);
    for (const may_act of [{ sub: 'another' }, {}, null, 'x', [service.clientId]])
      expect((await ask(await token({ may_act }))).body.error).toBe('invalid_request');
  });

  it.each<[string, JWTPayload, Record<string, string>, string]>([
    ['about nobody we know', { sub: 'nobody' }, {}, 'invalid_request'],
    ['of an issuer that is not trusted', { iss: 'https://stranger.example' }, {}, 'invalid_request'],
    ['with a chain of actors that is none', { act: { role: 'gateway' } }, {}, 'invalid_request'],
    ['bound to a key', { cnf: { jkt: 'x' } }, {}, 'invalid_request'],
    [
      'as an access token',
      {},
      { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
      'invalid_request',
    ],
    ['for no target', {}, { resource: '' }, 'invalid_target'],
    ['for more than its issuer is trusted for', {}, { scope: 'admin' }, 'invalid_scope'],
  ])('are refused %s (§2.2.2)', async (_case, claims, form, error) => {
    const { status, body } = await ask(await token(claims), form);
    expect([status, body.error]).toEqual([400, error]);
  });

  it('are exchanged no more where they were redeemed as an assertion, which counts once (RFC 7523 §3 no. 7)', async () => {
    const value = await token({ jti: 'spent' });
    for (let time = 0; time < 2; time += 1) expect((await ask(value)).status).toBe(200);
    const form = { grant_type: JWT_BEARER, assertion: value, resource: signed };
    expect((await post(server, '/token', service, form)).status).toBe(200);
    const { status, body } = await ask(value);
    expect([status, body.error]).toEqual([400, 'invalid_request']);
  });

  it('are none of ours: a JWT access token of this server is no JWT of somebody else (§5)', async () => {
    const { body } = await ask(await token());
    expect((await ask(String(body.access_token))).body.error).toBe('invalid_request');
  });

  it('end what they were exchanged for when their issuer is trusted no more', async () => {
    const tokens = await Promise.all(
      [back, signed].map(async (resource) => (await ask(await token(), { resource })).body.access_token),
    );
    const active = () =>
      Promise.all(tokens.map(async (one) => (await introspect(server, service, String(one))).body.active));
    expect(await active()).toEqual([true, true]);
    await server.inside(async ({ trustedIssuers }) => trustedIssuers.disable(await trustedIssuers.find(issuerId)));
    expect(await active()).toEqual([false, false]);
    expect((await ask(await token())).body.error).toBe('invalid_request');
  });
});
