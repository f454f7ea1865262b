import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EmailAddress, normalizeIdentifier } from '../../src/features/users/identifier.js';

describe('identifiers', () => {
  it.each([
    ['Ada@Example.COM', 'ada@example.com'],
    ['  ada@example.com ', 'ada@example.com'],
    ['ａｄａ@example.com', 'ada@example.com'],
    ['ﬁona@example.com', 'fiona@example.com'],
    ['JOSE\u0301@example.com', 'josé@example.com'],
    ['a\u200bda@example.com', undefined],
    ['a\u202eda@example.com', undefined],
    ['ada@example.com\u0000', undefined],
    ['ada\r\nBcc: x@example.com', undefined],
    ['a\u034fda@example.com', undefined],
    ['\ud800@example.com', undefined],
    ['   ', undefined],
    ['x'.repeat(2000), undefined],
  ])('%j is looked up as %j', (raw, expected) => {
    expect(normalizeIdentifier(raw)).toBe(expected);
  });

  it('normalises what is normalised to itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (raw) => {
        const once = normalizeIdentifier(raw);
        if (once !== undefined) expect(normalizeIdentifier(once)).toBe(once);
      }),
    );
  });

  it.each([
    ['ada@example.com', true],
    ['ada+shop@sub.example.com', true],
    ['josé@exämple.de', true],
    ['ada@localhost', true],
    ['ada', false],
    ['ada@', false],
    ['a@b@c', false],
    ['ada@example.com, eve@example.com', false],
    ['Ada <ada@example.com>', false],
    ['ada@exam ple.com', false],
    ['"a b"@example.com', false],
    [`${'a'.repeat(65)}@example.com`, false],
    ['ada@example.com.', false],
    ['ada@example.com。', false],
    ['ada@example.com\uff0e', false],
    ['ada@.example.com', false],
    ['ada@example..com', false],
    ['ada..b@example.com', true],
  ])('%j is an address: %j', (email, expected) => {
    expect(EmailAddress.safeParse(email).success).toBe(expected);
  });
});
