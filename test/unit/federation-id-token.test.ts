import { describe, expect, it } from '@jest/globals';
import { checksOfIdToken, type ExpectedIdToken, halfHash } from '../../src/federation/id-token.js';

const now = 1_000_000;
const atHash = halfHash('RS256', 'their-token');
const expected: ExpectedIdToken = {
  ...{ issuer: 'https://idp.example', clientId: 'ostiary', nonce: 'of-this-request', atHash },
  ...{ now, sentAt: now - 30, tolerance: 60, anew: false },
};
const good = {
  ...{ iss: expected.issuer, aud: 'ostiary', sub: 'maria', iat: now, exp: now + 300, nonce: expected.nonce },
  at_hash: atHash,
};

/** @returns the checks that failed. */
const failed = (claims: object = {}, header: object = {}, more: Partial<ExpectedIdToken> = {}) =>
  checksOfIdToken({ alg: 'RS256', ...header }, { ...good, ...claims }, { ...expected, ...more })
    .filter(({ passed }) => !passed)
    .map(({ check }) => check);

describe('an ID token (OpenID Connect Core §3.1.3.7)', () => {
  it.each<[string, object, Partial<ExpectedIdToken>]>([
    ['as it should be', {}, {}],
    ['for a list of us alone', { aud: ['ostiary'] }, {}],
    ['for others too, made at our request', { aud: ['ostiary', 'other'], azp: 'ostiary' }, {}],
    ['without at_hash, which need not be in this flow', { at_hash: undefined }, {}],
    ['that ended 59 seconds ago, by our clock', { exp: now - 59 }, {}],
    ['issued 59 seconds ahead of our clock', { iat: now + 59 }, {}],
    ['of somebody who had signed in as lately as asked', { auth_time: now - 30 - 600 }, { maxAge: 600 }],
    ['of somebody who took ten minutes on its page', { auth_time: now - 600 }, { maxAge: 0, sentAt: now - 620 }],
    ['of somebody who has proved anew who they are', { auth_time: now - 5 }, { anew: true }],
    ['that does not say when somebody signed in, where nobody asked', {}, { anew: true }],
    ['of any class, which was asked for as a wish (§3.1.2.1)', { acr: '1' }, {}],
  ])('is good %s', (_case, claims, more) => {
    expect(failed(claims, {}, more)).toEqual([]);
  });

  it.each<[string, object, string[], Partial<ExpectedIdToken>?]>([
    ['without iss (no. 2)', { iss: undefined }, ['id_token_issuer']],
    ['of another issuer', { iss: 'https://evil.example' }, ['id_token_issuer']],
    ['of its issuer with a slash', { iss: `${expected.issuer}/` }, ['id_token_issuer']],
    ['of a list of issuers', { iss: [expected.issuer] }, ['id_token_issuer']],
    ['without aud (no. 3)', { aud: undefined }, ['id_token_audience']],
    ['for somebody else', { aud: 'other' }, ['id_token_audience']],
    ['for somebody else and not text', { aud: ['ostiary', 7], azp: 'ostiary' }, ['id_token_audience']],
    ['for others too, without azp', { aud: ['ostiary', 'other'] }, ['id_token_authorized_party']],
    ['made at the request of another (no. 5)', { azp: 'other' }, ['id_token_authorized_party']],
    [
      'for others too, at the request of another',
      { aud: ['ostiary', 'other'], azp: 'other' },
      ['id_token_authorized_party'],
    ],
    ['without sub', { sub: undefined }, ['id_token_subject']],
    ['with an empty sub', { sub: '' }, ['id_token_subject']],
    ['with a sub that is no text', { sub: 7 }, ['id_token_subject']],
    ['with a sub of 256 characters (§2)', { sub: 'x'.repeat(256) }, ['id_token_subject']],
    ['with a sub of other characters than ASCII', { sub: 'mari\u0430' }, ['id_token_subject']],
    ['without exp (no. 9)', { exp: undefined }, ['id_token_expiry']],
    ['with exp as text', { exp: String(now + 300) }, ['id_token_expiry']],
    ['that lives for ever', { exp: Number.POSITIVE_INFINITY }, ['id_token_expiry']],
    ['that ended 60 seconds ago', { exp: now - 60 }, ['id_token_expiry']],
    ['without iat (no. 10)', { iat: undefined }, ['id_token_issued_at']],
    ['issued 61 seconds ahead', { iat: now + 61 }, ['id_token_issued_at']],
    ['that is not good yet', { nbf: now + 61 }, ['id_token_not_before']],
    ['without nonce (no. 11)', { nonce: undefined }, ['id_token_nonce']],
    ['with the nonce of another request', { nonce: 'of-another' }, ['id_token_nonce']],
    ['beside another access token (§3.1.3.8)', { at_hash: halfHash('RS256', 'another') }, ['id_token_at_hash']],
    ['with an at_hash that is no text', { at_hash: [atHash] }, ['id_token_at_hash']],
    ['without the auth_time asked for (no. 13)', {}, ['id_token_auth_time'], { maxAge: 600 }],
    ['of an older sign-in than asked', { auth_time: now - 30 - 661 }, ['id_token_auth_time'], { maxAge: 600 }],
    ['of an older sign-in where a new one was asked', { auth_time: now - 91 }, ['id_token_auth_time'], { anew: true }],
    [
      'of an older sign-in, and max_age of a day beside prompt=login',
      { auth_time: now - 3600 },
      ['id_token_auth_time'],
      { anew: true, maxAge: 86_400 },
    ],
    ['with an auth_time that is text', { auth_time: 'now' }, ['id_token_auth_time']],
  ])('is refused %s', (_case, claims, checks, more = {}) => {
    expect(failed(claims, {}, more)).toEqual(checks);
  });

  it.each(['at+jwt', 'logout+jwt', 'dpop+jwt', 'secevent+jwt', '', 7])(
    'is refused as a JWT of another kind: typ %j (RFC 8725 §3.11)',
    (typ) => {
      expect(failed({}, { typ })).toEqual(['id_token_type']);
    },
  );

  it('may say that it is a JWT', () => {
    expect([failed({}, { typ: 'JWT' }), failed({}, { typ: 'jwt' })]).toEqual([[], []]);
  });

  it.each([
    ['ES256', 16],
    ['PS384', 24],
    ['RS512', 32],
    ['EdDSA', 32],
  ])('has an at_hash of half the hash of its algorithm: %s, %i bytes', (alg, bytes) => {
    const at_hash = halfHash(alg, 'their-token');
    expect(Buffer.from(at_hash, 'base64url')).toHaveLength(bytes);
    expect(failed({ at_hash }, { alg }, { atHash: at_hash })).toEqual([]);
  });

  it('tells neither nonce nor hash in a check, right or wrong', () => {
    const told = JSON.stringify(
      checksOfIdToken({ alg: 'RS256' }, { ...good, nonce: 'of-another', at_hash: 'another-hash' }, expected),
    );
    for (const secret of ['of-another', 'of-this-request', 'another-hash', atHash, 'their-token'])
      expect(told).not.toContain(secret);
  });
});
