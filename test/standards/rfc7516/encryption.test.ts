// What is encrypted to a client, and what clients encrypt to us: OpenID Connect Core §10.2, JARM §2.2, RFC 9701 §6, RFC 9101 §6.1.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CompactEncrypt,
  type CryptoKey,
  compactDecrypt,
  createRemoteJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { Browser } from '../../support/browser.js';
import {
  authorizationUrl,
  codeOf,
  makeClient,
  makePerson,
  type Party,
  pkce,
  redeem,
  signIn,
  tokensFor,
} from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';
import { basic } from '../../support/shown.js';

let server: TestServer;
let email: string;

beforeAll(async () => {
  server = await startServer();
  email = String((await makePerson(server)).email);
}, 180_000);
afterAll(() => server?.close());

async function keyFor(alg: string): Promise<{ secret: CryptoKey; jwk: JWK }> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { secret: privateKey, jwk: { ...(await exportJWK(publicKey)), use: 'enc', kid: alg } };
}

/** @returns what was signed by us, inside. */
async function opened(token: string, secret: CryptoKey, audience: string) {
  const { plaintext, protectedHeader } = await compactDecrypt(token, secret);
  const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
  const inside = new TextDecoder().decode(plaintext);
  const { payload } = await jwtVerify(inside, keys, { issuer: server.issuer, audience });
  return { header: protectedHeader, payload, inside };
}

const tokensOf = async (party: Party) => {
  const proof = pkce();
  const page = await signIn(new Browser(), authorizationUrl(server, party, proof, { scope: 'openid email' }), email);
  return redeem(server, party, codeOf(page), proof);
};

describe('answers to a client', () => {
  it.each([
    ['RSA-OAEP-256', 'A256GCM'],
    ['ECDH-ES+A256KW', 'A128CBC-HS256'],
    ['ECDH-ES', 'A256CBC-HS512'],
  ])('ID token and userinfo are signed, then encrypted to its key: %s, %s (RFC 7519 §11.2)', async (alg, enc) => {
    const { secret, jwk } = await keyFor(alg);
    const party = await makeClient(server, {
      jwks: { keys: [jwk] },
      id_token_encrypted_response_alg: alg,
      id_token_encrypted_response_enc: enc,
      userinfo_signed_response_alg: 'ES256',
      userinfo_encrypted_response_alg: alg,
      userinfo_encrypted_response_enc: enc,
    });
    const { body, status } = await tokensOf(party);
    expect([status, body.error_description]).toEqual([200, undefined]);
    const idToken = await opened(String(body.id_token), secret, party.clientId);
    expect(idToken.header).toMatchObject({ alg, enc, kid: jwk.kid, cty: 'JWT' });

    const answer = await fetch(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(answer.headers.get('content-type')).toMatch(/^application\/jwt/);
    const userinfo = await opened(await answer.text(), secret, party.clientId);
    expect(userinfo.payload).toMatchObject({ sub: idToken.payload.sub, email });
  });

  it('an authorization response is signed, then encrypted to its key (JARM §2.2)', async () => {
    const { secret, jwk } = await keyFor('ECDH-ES+A256KW');
    const party = await makeClient(server, {
      jwks: { keys: [jwk] },
      consent_policy: 'implicit',
      authorization_encrypted_response_alg: 'ECDH-ES+A256KW',
      authorization_encrypted_response_enc: 'A256GCM',
    });
    const url = authorizationUrl(server, party, pkce(), { response_mode: 'jwt', state: 'the-state' });
    const { searchParams } = new URL((await signIn(new Browser(), url, email)).url);
    expect([...searchParams.keys()]).toEqual(['response']);
    const { header, payload } = await opened(String(searchParams.get('response')), secret, party.clientId);
    expect(header).toMatchObject({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', kid: jwk.kid });
    expect(payload).toMatchObject({ code: expect.any(String), state: 'the-state' });
  });

  it.each(['opaque', 'jwt'] as const)(
    'what is told of an access token (%s) is encrypted to it, and never told in the clear (RFC 9701 §6)',
    async (format) => {
      const resource = `https://${format}.example/api`;
      await server.inside(({ resources }) =>
        resources.create({ identifier: resource, name: format, access_token_format: format }),
      );
      const { secret, jwk } = await keyFor('RSA-OAEP-256');
      const party = await makeClient(server, {
        jwks: { keys: [jwk] },
        consent_policy: 'implicit',
        introspection_signed_response_alg: 'ES256',
        introspection_encrypted_response_alg: 'RSA-OAEP-256',
      });
      const { access_token: token } = await tokensFor(server, party, email, { resource });
      const ask = (accept: string) =>
        fetch(`${server.issuer}/introspect`, {
          method: 'POST',
          headers: { ...basic(party), accept },
          body: new URLSearchParams({ token: String(token) }),
        });
      const type = 'application/token-introspection+jwt';
      const { header, payload } = await opened(await (await ask(type)).text(), secret, party.clientId);
      expect(header).toMatchObject({ alg: 'RSA-OAEP-256', enc: 'A128CBC-HS256' });
      expect(payload.token_introspection).toMatchObject({ active: true, aud: resource });

      const plain = await ask('application/json');
      expect([plain.status, await plain.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_request' })]);
    },
  );

  it.each([
    [{ id_token_encrypted_response_alg: 'RSA-OAEP-256' }, 'jwks'],
    [{ id_token_encrypted_response_enc: 'A256GCM' }, 'id_token_encrypted_response_enc'],
    [{ id_token_encrypted_response_alg: 'dir' }, 'id_token_encrypted_response_alg'],
    [{ id_token_encrypted_response_alg: 'A256KW' }, 'id_token_encrypted_response_alg'],
    [{ id_token_encrypted_response_alg: 'RSA-OAEP' }, 'id_token_encrypted_response_alg'],
    [{ id_token_encrypted_response_alg: 'PBES2-HS256+A128KW' }, 'id_token_encrypted_response_alg'],
    [{ userinfo_encrypted_response_alg: 'ECDH-ES' }, 'userinfo_encrypted_response_alg'],
    [{ authorization_encrypted_response_alg: 'ECDH-ES' }, 'jwks'],
    [{ introspection_encrypted_response_enc: 'A256GCM' }, 'introspection_encrypted_response_enc'],
    [{ request_object_encryption_alg: 'RSA-OAEP-256' }, 'request_object_encryption_alg'],
  ])('are not promised where nobody could keep it: %j', async (members, pointer) => {
    const refusal: unknown = await makeClient(server, members).catch((error: unknown) => error);
    const { details, issues } = refusal as { details?: { issues?: unknown }; issues?: unknown };
    expect(JSON.stringify(details?.issues ?? issues)).toContain(pointer);
  });
});

describe('request objects (RFC 9101 §6.1)', () => {
  const signer = generateKeyPair('ES256', { extractable: true });
  let party: Party;

  beforeAll(async () => {
    const jwk = { ...(await exportJWK((await signer).publicKey)), kid: 'sig', use: 'sig' };
    party = await makeClient(server, { jwks: { keys: [jwk] }, request_object_signing_alg: 'ES256' });
  });

  const keysOf = async (): Promise<JWK[]> =>
    ((await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: JWK[] }).keys.filter(({ use }) => use === 'enc');

  const signed = async () => {
    const { challenge } = pkce();
    const claims = {
      client_id: party.clientId,
      response_type: 'code',
      redirect_uri: party.redirectUri,
      scope: 'openid',
      code_challenge: challenge,
      code_challenge_method: 'S256',
    };
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'sig', typ: 'oauth-authz-req+jwt' })
      .setIssuer(party.clientId)
      .setAudience(server.issuer)
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime('1m')
      .sign((await signer).privateKey);
  };

  const encrypted = async (text: string, key: JWK, alg = String(key.alg), enc = 'A256GCM') =>
    new CompactEncrypt(new TextEncoder().encode(text))
      .setProtectedHeader({ alg, enc, cty: 'oauth-authz-req+jwt', kid: String(key.kid) })
      .encrypt(await importJWK({ ...key, alg }, alg));

  const push = async (request: string) => {
    const answer = await fetch(`${server.issuer}/par`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${party.clientId}:${party.clientSecret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ request, client_id: party.clientId }),
    });
    const body = (await answer.json()) as { request_uri?: string; error?: string };
    return [answer.status, body.error];
  };

  it('a tenant without keys for them has none, and takes none', async () => {
    expect(await keysOf()).toEqual([]);
    const discovery = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as Record<
      string,
      string[]
    >;
    expect(discovery.request_object_encryption_alg_values_supported ?? []).toEqual([]);
    const { jwk } = await keyFor('RSA-OAEP-256');
    expect(await push(await encrypted(await signed(), jwk, 'RSA-OAEP-256'))).toEqual([400, 'invalid_request_object']);
  });

  it('encrypted to a key of the tenant are opened, the next key’s included; those after a rotation too', async () => {
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), {
        settings: { signing_keys: { encryption_algorithms: ['ECDH-ES+A256KW', 'RSA-OAEP-256'] } },
      } as never),
    );
    const keys = await keysOf();
    expect(keys.map(({ alg }) => alg).sort()).toEqual([
      'ECDH-ES+A256KW',
      'ECDH-ES+A256KW',
      'RSA-OAEP-256',
      'RSA-OAEP-256',
    ]);
    for (const key of keys) {
      expect(['d', 'p', 'q', 'k'].filter((member) => member in key)).toEqual([]);
      expect(await push(await encrypted(await signed(), key))).toEqual([201, undefined]);
    }
    await server.inside(({ keys: service }) => service.rotate({ alg: 'ECDH-ES+A256KW', force: true }));
    for (const key of keys) expect(await push(await encrypted(await signed(), key))).toEqual([201, undefined]);
  });

  it('are no less signed for being encrypted', async () => {
    const [key = {} as JWK] = await keysOf();
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await signed()).split('.')[1]}.`;
    for (const inside of [unsigned, (await signed()).replace(/\.[^.]*$/, '.AAAA'), '{}', ''])
      expect(await push(await encrypted(inside || ' ', key))).toEqual([400, 'invalid_request_object']);
  });

  it('are opened with the algorithm that the key is for, and no other', async () => {
    const keys = await keysOf();
    const [rsa, ec] = ['RSA', 'EC'].map((kty) => keys.find((key) => key.kty === kty) as JWK);
    for (const [key, alg] of [
      [rsa, 'RSA-OAEP'],
      [rsa, 'RSA-OAEP-512'],
      [ec, 'ECDH-ES'],
      [ec, 'ECDH-ES+A128KW'],
    ] as const)
      expect([alg, await push(await encrypted(await signed(), key as JWK, alg))]).toEqual([
        alg,
        [400, 'invalid_request_object'],
      ]);
    expect(await push(await encrypted(await signed(), rsa as JWK, undefined, 'A192GCM'))).toEqual([
      400,
      'invalid_request_object',
    ]);
  });

  it('are not opened with a key that signs, and no token is signed with one that opens', async () => {
    const all = ((await (await fetch(`${server.issuer}/jwks`)).json()) as { keys: JWK[] }).keys;
    const rs256 = all.find(({ alg }) => alg === 'RS256') as JWK;
    const { use: _use, alg: _alg, ...bare } = rs256;
    const request = await encrypted(await signed(), bare as JWK, 'RSA-OAEP-256');
    expect(await push(request)).toEqual([400, 'invalid_request_object']);
    const { id_token } = (await tokensOf(await makeClient(server))).body;
    const { kid } = decodeProtectedHeader(String(id_token));
    expect(all.find((key) => key.kid === kid)?.use).toBe('sig');
  });
});
