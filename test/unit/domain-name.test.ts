import { describe, expect, it } from '@jest/globals';
import { challengeName, domainOf, normalizeDomain } from '../../src/features/domains/domain-name.js';

describe('a domain that can be proved', () => {
  it.each([
    ['example.com', 'example.com'],
    [' Example.COM ', 'example.com'],
    ['mail.example.co.uk', 'mail.example.co.uk'],
    ['example.co.uk', 'example.co.uk'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['例え.テスト', 'xn--r8jz45g.xn--zckzah'],
    // Full-width letters and the ideographic full stop are the same name (UTS #46 §2.3).
    ['ｅｘａｍｐｌｅ。com', 'example.com'],
    ['1and1.example', '1and1.example'],
  ])('%j is %s', (raw, domain) => {
    expect(normalizeDomain(raw)).toBe(domain);
  });

  it.each([
    ['', 'nothing'],
    ['com', 'a public suffix'],
    ['co.uk', 'a public suffix'],
    ['com.br', 'a public suffix'],
    ['localhost', 'of everybody'],
    ['printer.local', 'of everybody'],
    ['metadata.google.internal', 'of everybody'],
    ['1.0.0.127.in-addr.arpa', 'of nobody'],
    ['hidden.onion', 'of nobody'],
    ['127.0.0.1', 'an address'],
    ['0x7f.1', 'an address'],
    ['2130706433', 'an address'],
    ['[::1]', 'an address'],
    ['example.com.', 'a root at the end'],
    ['.example.com', 'an empty label'],
    ['example..com', 'an empty label'],
    ['.', 'an empty label'],
    ['example。。com', 'an empty label'],
    ['-example.com', 'a hyphen at the edge'],
    ['example-.com', 'a hyphen at the edge'],
    ['_dmarc.example.com', 'an underscore'],
    ['*.example.com', 'many'],
    ['user@example.com', 'an e-mail address'],
    ['https://example.com', 'a URL'],
    ['example.com/path', 'a path'],
    ['example.com:443', 'a port'],
    ['exa mple.com', 'a space'],
    ['example.com\u0000.evil.example', 'a NUL'],
    ['exa\u200bmple.com', 'what nobody sees'],
    ['\u202eexample.com', 'what turns round'],
    ['xn--a.example', 'no A-label'],
    [`${'a'.repeat(64)}.example`, 'a long label'],
    [`${'a.'.repeat(120)}example`, 'a long name'],
    ['example.c0m', 'a top level of digits'],
  ])('%j is none: %s', (raw) => {
    expect(normalizeDomain(raw)).toBeUndefined();
  });

  it('is proved below a name that no host has (RFC 8552 §1.1), which fits too', () => {
    expect(challengeName('example.com')).toBe('_ostiary-challenge.example.com');
    const longest = `${'a.'.repeat(113)}example`.slice(-234).replace(/^[.]/, 'a');
    expect(challengeName(normalizeDomain(longest) ?? longest).length).toBeLessThanOrEqual(253);
  });

  it.each([
    ['maria@example.com', 'example.com'],
    ['maria@bücher.example', 'xn--bcher-kva.example'],
    ['maria@localhost', undefined],
    ['maria@example.com.', undefined],
  ])('of %s is %s', (email, domain) => {
    expect(domainOf(email)).toBe(domain);
  });
});
