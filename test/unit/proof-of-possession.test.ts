import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { InvalidProof, provenBy, type ShownToken } from '../../src/features/protocol/proof-of-possession.js';
import { sha256 } from '../../src/platform/crypto.js';
import { type DpopKey, dpopKey } from '../support/proofs.js';

const token = 'a-token';
const uri = 'https://id.example.com/t/acme/api/v1/users';
const ath = sha256('another token');
const now = new Date('2026-03-01T12:00:00Z');
const seconds = now.getTime() / 1000;

describe('a DPoP proof (RFC 9449 §4.3)', () => {
  let key: DpopKey;
  let good: Record<string, unknown>;

  beforeAll(async () => {
    key = await dpopKey();
    good = { jti: 'one', iat: seconds, htm: 'GET', htu: uri, ath: sha256(token) };
  });

  const sign = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
    new SignJWT(claims as JWTPayload)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk, ...header })
      .sign(key.privateKey);
  const prove = (proof: string | undefined, more: Partial<ShownToken> = {}) =>
    provenBy({ token, scheme: 'DPoP', proof, method: 'GET', uri, ...more }, now);

  it('says which key is held, and until when it must not come again', async () => {
    expect(await prove(await sign(good))).toEqual({
      thumbprint: key.jkt,
      jti: 'one',
      until: seconds + 300,
      alg: 'ES256',
      claims: good,
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['its address has a query and a fragment (no. 9)', { htu: `${uri}?a=b#c` }],
    ['its address is written otherwise (no. 9)', { htu: uri.replace('id.example.com', 'ID.example.com:443') }],
    ['it was made 300 seconds ago (no. 11)', { iat: seconds - 300 }],
    ['it was made 300 seconds ahead of our clock (no. 11)', { iat: seconds + 300 }],
    ['it has a nonce, though none was given (no. 10)', { nonce: 'of-the-token-endpoint' }],
  ])('is good where %s', async (_what, claims) => {
    expect(await prove(await sign({ ...good, ...claims }))).toMatchObject({ thumbprint: key.jkt });
  });

  it.each<[string, Record<string, unknown>]>([
    ['it has no jti (no. 3)', { jti: undefined }],
    ['its jti is empty (no. 3)', { jti: '' }],
    ['it has no iat (no. 3)', { iat: undefined }],
    ['it has no htm (no. 8)', { htm: undefined }],
    ['it is for another method (no. 8)', { htm: 'POST' }],
    ['its method is written small (no. 8)', { htm: 'get' }],
    ['it has no htu (no. 9)', { htu: undefined }],
    ['it is for another address (no. 9)', { htu: `${uri}/one` }],
    ['it is for another host (no. 9)', { htu: uri.replace('id.', 'id2.') }],
    ['it is for another tenant (no. 9)', { htu: uri.replace('acme', 'other') }],
    ['its address says who asks (no. 9)', { htu: uri.replace('https://', 'https://me:too@') }],
    ['its address is none (no. 9)', { htu: '/api/v1/users' }],
    ['it was made 301 seconds ago (no. 11)', { iat: seconds - 301 }],
    ['it was made 301 seconds ahead (no. 11)', { iat: seconds + 301 }],
    ['it has no ath (no. 12)', { ath: undefined }],
    ['it is for another access token (no. 12)', { ath }],
  ])('is refused where %s', async (_what, claims) => {
    await expect(prove(await sign({ ...good, ...claims }))).rejects.toThrow(InvalidProof);
  });

  it.each<[string, () => Promise<string | undefined>]>([
    ['is missing (no. 1)', async () => undefined],
    ['comes twice (no. 1)', async () => `${await sign(good)}, ${await sign(good)}`],
    ['is no JWT (no. 2)', async () => 'proof'],
    ['is of another type (no. 4)', () => sign(good, { typ: 'JWT' })],
    ['is not signed (no. 5)', async () => unsigned({ alg: 'none', typ: 'dpop+jwt', jwk: key.jwk }, good)],
    ['is signed with a shared secret (no. 5)', async () => hmacSigned(key, good)],
    ['has no key (no. 6)', () => sign(good, { jwk: undefined })],
    ['has another key than it was signed with (no. 6)', async () => sign(good, { jwk: await anotherKey() })],
    ['has a private key (no. 7)', async () => sign(good, { jwk: await exportJWK(key.privateKey) })],
    ['was changed (no. 6)', async () => changed(await sign(good), { ...good, jti: 'two' })],
  ])('is refused where it %s', async (_what, proof) => {
    await expect(prove(await proof())).rejects.toThrow(InvalidProof);
  });
});

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const unsigned = (header: object, claims: object) => `${encoded(header)}.${encoded(claims)}.`;

function hmacSigned({ jwk }: DpopKey, claims: object): string {
  const text = `${encoded({ alg: 'HS256', typ: 'dpop+jwt', jwk })}.${encoded(claims)}`;
  return `${text}.${createHmac('sha256', JSON.stringify(jwk)).update(text).digest('base64url')}`;
}

function changed(proof: string, claims: object): string {
  const [header, , signature] = proof.split('.');
  return `${header}.${encoded(claims)}.${signature}`;
}

async function anotherKey() {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  return exportJWK(publicKey);
}
