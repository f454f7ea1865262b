import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { makeClient, makePerson, type Party, tokensFor } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';

const type = 'application/token-introspection+jwt';
const resources = { opaque: 'https://opaque.example/api', JWT: 'https://jwt.example/api' };

describe('introspection answered as a JWT (RFC 9701)', () => {
  let server: TestServer;
  let party: Party;
  let asking: Party;
  const access: Record<string, string> = {};

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
    asking = await makeClient(server, { introspection_signed_response_alg: 'ES256' });
    await server.inside(async (services) => {
      await services.resources.create({ identifier: resources.opaque, name: 'Opaque' });
      await services.resources.create({ identifier: resources.JWT, name: 'JWT', access_token_format: 'jwt' });
    });
    const { email } = await makePerson(server);
    for (const [form, resource] of Object.entries(resources))
      access[form] = String((await tokensFor(server, party, email, { resource })).access_token);
  }, 180_000);
  afterAll(() => server?.close());

  async function ask(token: string, accept: string | undefined, by = asking) {
    const response = await fetch(`${server.issuer}/introspect`, {
      method: 'POST',
      headers: { ...basic(by), ...(accept ? { accept } : {}) },
      body: new URLSearchParams({ token }),
    });
    return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() };
  }
  const verified = async (text: string, by = asking) =>
    jwtVerify(text, createRemoteJWKSet(new URL(`${server.issuer}/jwks`)), {
      issuer: server.issuer,
      audience: by.clientId,
      typ: 'token-introspection+jwt',
    });

  describe.each(Object.keys(resources))('of %s access tokens', (form) => {
    it('is signed by a published key, for the resource server that asks, and says of the token what JSON says (§5)', async () => {
      const answer = await ask(access[form] ?? '', type);
      expect([answer.status, answer.type.startsWith(type)]).toEqual([200, true]);
      const { payload, protectedHeader } = await verified(answer.text);
      expect(protectedHeader.alg).toBe('ES256');
      expect(Object.keys(payload).sort()).toEqual(['aud', 'iat', 'iss', 'token_introspection']);
      const plain = await ask(access[form] ?? '', 'application/json');
      expect(payload.token_introspection).toEqual(JSON.parse(plain.text));
      expect(payload.token_introspection).toMatchObject({
        active: true,
        aud: resources[form as keyof typeof resources],
      });
    });

    it('is no access token, though it looks like one (§8.1)', async () => {
      const { text } = await ask(access[form] ?? '', type);
      expect(JSON.parse((await ask(text, 'application/json')).text)).toEqual({ active: false });
    });

    it.each([undefined, 'application/json', '*/*', `application/json, ${type}`])(
      'is JSON for whoever does not accept the JWT by name (§4): %p',
      async (accept) => {
        const answer = await ask(access[form] ?? '', accept);
        expect(answer.type).toMatch(/^application\/json/);
        expect(JSON.parse(answer.text)).toMatchObject({ active: true });
      },
    );
  });

  it.each(['A'.repeat(43), 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA'])(
    'says that a token nobody gave is not active, signed as well, and nothing else of it (§5): %s',
    async (token) => {
      const { payload } = await verified((await ask(token, type)).text);
      expect(payload.token_introspection).toEqual({ active: false });
    },
  );

  it('is signed with RS256 for a client that registered no algorithm (§6)', async () => {
    const plain = await makeClient(server);
    const { protectedHeader } = await verified((await ask(access.JWT ?? '', type, plain)).text, plain);
    expect(protectedHeader.alg).toBe('RS256');
  });

  it.each(['none', 'HS256'])('is never signed with %s (§6)', async (alg) => {
    await expect(makeClient(server, { introspection_signed_response_alg: alg })).rejects.toThrow(
      'introspection_signed_response_alg',
    );
  });

  it('says a refusal as JSON (RFC 7662 §2.3)', async () => {
    const { status, type: said } = await ask('x', type, { ...asking, clientSecret: 'wrong' });
    expect([status, said.split(';')[0]]).toEqual([401, 'application/json']);
    expect(() => decodeJwt(access.JWT ?? '')).not.toThrow();
  });
});
