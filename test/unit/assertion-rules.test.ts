import { describe, expect, it } from '@jest/globals';
import { problemOf } from '../../src/features/trusted-issuers/assertion.rules.js';

const now = 1_000_000;
const audience = 'https://id.example';
const good = { sub: 'maria', aud: audience, exp: now + 60, iat: now, jti: 'one' };

const problem = (claims: object = {}, header: { typ?: string } = {}) =>
  problemOf(header as never, { ...good, ...claims } as never, { audience, now, tolerance: 120, longest: 3600 });

describe('an assertion (RFC 7523 §3)', () => {
  it.each<[string, object]>([
    ['as it should be', {}],
    ['that ended 119 seconds ago, by our clock', { exp: now - 119 }],
    ['that is good in 119 seconds, by our clock', { nbf: now + 119 }],
    ['issued 119 seconds ahead of our clock', { iat: now + 119 }],
    ['without iat and nbf', { iat: undefined, nbf: undefined }],
    ['that lives an hour', { exp: now + 3600 }],
  ])('is good %s', (_case, claims) => {
    expect(problem(claims)).toBeUndefined();
  });

  it.each<[string, object, string]>([
    ['without sub (no. 2)', { sub: undefined }, 'sub'],
    ['with an empty sub', { sub: '' }, 'sub'],
    ['without aud (no. 3)', { aud: undefined }, 'aud'],
    ['for somebody else', { aud: 'https://other.example' }, 'aud'],
    ['for a list in which we are', { aud: [audience] }, 'aud'],
    ['for the token endpoint', { aud: `${audience}/token` }, 'aud'],
    ['for us with a slash', { aud: `${audience}/` }, 'aud'],
    ['without exp (no. 4)', { exp: undefined }, 'exp'],
    ['with exp as text', { exp: String(now + 60) }, 'exp'],
    ['that ended 121 seconds ago', { exp: now - 121 }, 'expired'],
    ['that lives longer than an hour', { exp: now + 3600 + 121 }, 'too long'],
    ['that lives for ever', { exp: Number.POSITIVE_INFINITY }, 'exp'],
    ['that is good in 121 seconds (no. 5)', { nbf: now + 121 }, 'not good yet'],
    ['with nbf as text', { nbf: 'now' }, 'not good yet'],
    ['issued 121 seconds ahead (no. 6)', { iat: now + 121 }, 'future'],
    ['with a jti that is no text (no. 7)', { jti: 7 }, 'jti'],
    ['with an empty jti', { jti: '' }, 'jti'],
  ])('is refused %s', (_case, claims, why) => {
    expect(problem(claims)).toContain(why);
  });

  it.each(['at+jwt', 'dpop+jwt', 'logout+jwt', 'secevent+jwt', 'oauth-authz-req+jwt', 'application/at+jwt', ''])(
    'is refused as a JWT of another kind: typ %j (RFC 8725 §3.11)',
    (typ) => {
      expect(problem({}, { typ })).toContain('typ');
    },
  );

  it.each(['JWT', 'jwt', undefined])('may say it is a JWT: typ %j', (typ) => {
    expect(problem({}, typ === undefined ? {} : { typ })).toBeUndefined();
  });
});
