import { describe, expect, it } from '@jest/globals';
import { assertSameOrigin, createCsrf, type OriginHeaders } from '../../src/platform/csrf.js';
import { AppError } from '../../src/platform/errors.js';

const key = 'k'.repeat(32);

describe('a form token', () => {
  const csrf = createCsrf(key);

  it('is taken where it was given, and differs each time', () => {
    const tokens = [csrf.token('flow-1'), csrf.token('flow-1')];
    expect(tokens[0]).not.toBe(tokens[1]);
    for (const token of tokens) expect(csrf.verify('flow-1', token)).toBe(true);
  });

  const good = csrf.token('flow-1');
  const [nonce, signature] = good.split('.') as [string, string];
  it.each<[string, string, unknown]>([
    ['of another flow', 'flow-2', good],
    ['of no flow', '', createCsrf(key).token('')],
    ['with another nonce', 'flow-1', `${'A'.repeat(22)}.${signature}`],
    ['with another signature', 'flow-1', `${nonce}.${'A'.repeat(43)}`],
    ['signed with another key', 'flow-1', createCsrf('x'.repeat(32)).token('flow-1')],
    ['cut off', 'flow-1', good.slice(0, -1)],
    ['with something behind', 'flow-1', `${good}x`],
    ['with a line break behind', 'flow-1', `${good}\n`],
    ['that moves the border to its binding', `.${'flow-1'}`, good],
    ['that is empty', 'flow-1', ''],
    ['that is missing', 'flow-1', undefined],
    ['given twice', 'flow-1', [good, good]],
  ])('%s is refused with 403', (_what, binding, token) => {
    expect(csrf.verify(binding, token)).toBe(false);
    expect(() => csrf.assert(binding, token)).toThrow(AppError);
  });

  it('of the key before the last rotation is still taken', () => {
    const rotated = createCsrf(['n'.repeat(32), key]);
    expect(rotated.verify('flow-1', good)).toBe(true);
    expect(csrf.verify('flow-1', rotated.token('flow-1'))).toBe(false);
    expect(() => createCsrf([])).toThrow();
  });
});

describe('the origin of a form', () => {
  const expected = 'https://id.example';
  it.each<[OriginHeaders, boolean]>([
    [{ origin: expected }, true],
    [{ origin: expected, 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'none' }, true],
    // Referrer-Policy: no-referrer (Fetch, append a request Origin header).
    [{ origin: 'null', 'sec-fetch-site': 'same-origin' }, true],
    // Nothing said: the token alone decides.
    [{}, true],
    [{ referer: 'https://id.example/interaction/x' }, true],
    [{ referer: 'https://evil.example/https://id.example/' }, false],
    [{ referer: 'nonsense' }, false],
    [{ referer: 'about:blank' }, false],
    [{ origin: 'null' }, false],
    [{ origin: 'null', 'sec-fetch-site': 'cross-site' }, false],
    [{ origin: 'null', 'sec-fetch-site': 'none' }, false],
    [{ origin: 'null', referer: 'https://id.example/' }, false],
    [{ origin: '' }, false],
    [{ origin: 'https://evil.example' }, false],
    [{ origin: 'https://id.example.evil.example' }, false],
    [{ origin: 'http://id.example' }, false],
    [{ origin: 'https://id.example:8443' }, false],
    [{ origin: 'https://id.example/' }, false],
    [{ origin: ['https://id.example', 'https://evil.example'] }, false],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
    [{ origin: expected, 'sec-fetch-site': 'cross-site' }, false],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'cross-site', referer: 'https://id.example/' }, false],
    [{ 'sec-fetch-site': 'unheard-of' }, false],
  ])('%j: %s', (headers, allowed) => {
    const check = () => assertSameOrigin(headers, expected);
    if (allowed) expect(check).not.toThrow();
    else expect(check).toThrow(AppError);
  });
});
